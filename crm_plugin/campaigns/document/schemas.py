"""What a campaign file may say, read and checked with the place of each mistake.

Hand-written and not marshmallow: a mistake is one code with a place such as ``policy.cap.n``, the same
for the command line and for pages.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from crm_plugin.campaigns.document import personalisation
from crm_plugin.campaigns.document.local_time import instant, zone_named
from crm_plugin.campaigns.policy.campaign_policy import RATE
from crm_plugin.campaigns.policy.fields import exactly, only
from crm_plugin.campaigns.policy.rules import FIELDS
from crm_plugin.channels.content import LIMIT
from crm_plugin.channels.email.html import LONGEST
from crm_plugin.kernel import storable
from crm_plugin.kernel.clock import parse_instant
from crm_plugin.kernel.errors import BadInput, Clause, one_of
from crm_plugin.links.service import check_target

KEYS = ("name", "channel", "purpose", "topic", "audience", "policy", "holdout", "at", "zone")
CONTENT = (
    *("template", "subject", "html", "text", "variables", "personal", "fallbacks", "lacking"),
    *("link", "course", "class", "level"),
)
NUMBERS = {one.key: one for one in (*FIELDS, RATE)}
POLICY = (*NUMBERS, "quiet_hours", "goal", "expires_at", "open_course", "once")
TITLES = {"course": "course_title", "class": "class_title"}
"""Key that names a course or a class → the variable that it fills in."""
LEVEL_TITLE = "level_title"
"""The variable that a named membership level fills in."""
PURPOSES = ("marketing", "service")

CLOCK = "([01][0-9]|2[0-3]):([0-5][0-9])"
"""Pattern of a time of day."""
VARIABLE = "[A-Za-z_][A-Za-z0-9_]{0,63}"
"""Pattern of the name of a variable."""


@dataclass(slots=True)
class Draft:
    """A campaign file that was read."""

    name: str
    channel: str
    purpose: str
    topic_id: int | None
    """What it is about, of the school's topics."""
    audience: dict[str, Any]
    content: dict[str, Any]
    policy: dict[str, Any]
    holdout: float
    planned_at: datetime | None
    zone: str | None
    """IANA name of the zone in which ``planned_at`` was meant."""


@dataclass(slots=True)
class Checks:
    """What only the installation knows."""

    channels: tuple[str, ...]
    tree: Callable[[Any, str], None] = field(repr=False)
    """Raises BadInput when a document is no tree; takes the place."""
    topic: Callable[[int | str], int | None] = field(repr=False)
    """Finds a topic by its number or its name; None when there is none."""


def read(document: Any, checks: Checks) -> Draft:
    """Read a campaign file.

    :raises BadInput: ``campaign.*`` or ``segment.*``, with the place.
    """
    only(document, (*KEYS, *CONTENT), "")
    for key in ("name", "channel", "audience"):
        if key not in document:
            raise BadInput("campaign.missing_key", key=key)
    channel = document["channel"]
    if channel not in checks.channels:
        raise BadInput(
            "campaign.unknown_channel", "channel", channel=channel, known=", ".join(checks.channels)
        )
    checks.tree(document["audience"], "audience")
    zone = zone_named(_text(document, "zone", 64)) if document.get("zone") is not None else None
    purpose = _one_of(document.get("purpose", "marketing"), PURPOSES, "purpose")
    return Draft(
        name=_text(document, "name", 191),
        channel=channel,
        purpose=purpose,
        topic_id=_topic(document.get("topic"), purpose, checks),
        audience=document["audience"],
        content=_content(document),
        policy=_policy(document.get("policy", {}), checks),
        holdout=_share(document.get("holdout", 0)),
        planned_at=_planned(document["at"], zone) if document.get("at") is not None else None,
        zone=zone.key if zone else None,
    )


def _topic(value: Any, purpose: str, checks: Checks) -> int | None:
    """Return the number of the topic that a file names by its number or its name."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise _bad("topic", Clause("expected the name of a topic or its number"))
    if purpose != "marketing":
        raise _bad("topic", Clause("a service message has no topic"))
    found = checks.topic(value)
    if found is None:
        raise BadInput("campaign.unknown_topic", "topic", topic=str(value)[:60])
    return found


def _content(document: Mapping[str, Any]) -> dict[str, Any]:
    content = {key: document[key] for key in CONTENT if document.get(key) is not None}
    for key, most in (*((one, LIMIT) for one in ("template", "subject", "text", "link")), ("html", LONGEST)):
        if key in content:
            _text(content, key, most)
    for key in ("course", "class", "level"):
        if key in content:
            _text(content, key, 191)
    if "link" in content:
        check_target(content["link"], "link")
    _words(content)
    return content


def _words(content: Mapping[str, Any]) -> None:
    variables = content.get("variables", {})
    if not isinstance(variables, dict):
        raise _bad("variables", Clause("expected an object of names and texts"))
    for name, value in variables.items():
        if not re.fullmatch(VARIABLE, name):
            raise _bad(f"variables.{name}", Clause("a name has letters, digits and _ only"))
        if not isinstance(value, str):
            raise _bad(f"variables.{name}", Clause("expected a text"))
        _storable(value, f"variables.{name}")
    personalisation.check(content)
    for name, value in content.get("fallbacks", {}).items():
        _storable(value, f"fallbacks.{name}")


def _policy(policy: Any, checks: Checks) -> dict[str, Any]:
    only(policy, POLICY, "policy")
    for key, value in policy.items():
        place = f"policy.{key}"
        if key == "goal":
            checks.tree(value, place)
        elif key == "expires_at":
            _instant(value, place)
        elif key == "quiet_hours":
            _quiet(value, place)
        elif key in ("open_course", "once"):
            if not isinstance(value, bool):
                raise _bad(place, Clause("expected true or false"))
        else:
            NUMBERS[key].check(value, place)
    return dict(policy)


def _quiet(value: Any, place: str) -> None:
    exactly(value, ("from", "to"), place)
    for key in ("from", "to"):
        if not isinstance(value[key], str) or not re.fullmatch(CLOCK, value[key]):
            raise _bad(f"{place}.{key}", Clause("expected a time of day such as 21:00"))
    if value["from"] == value["to"]:
        raise _bad(place, Clause("from and to are the same time"))


def _text(document: Mapping[str, Any], key: str, limit: int) -> str:
    value = document[key]
    if not isinstance(value, str) or not value.strip():
        raise _bad(key, Clause("expected a text"))
    if len(value) > limit:
        raise _bad(key, Clause("longer than {limit} characters", limit=limit))
    _storable(value, key)
    return value


def _storable(value: str, place: str) -> None:
    if not storable.is_text(value):
        raise _bad(place, Clause("a character in it cannot be stored"))


def _one_of(value: Any, known: tuple[str, ...], place: str) -> str:
    if value not in known:
        raise _bad(place, one_of(known))
    return str(value)


def _share(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _bad("holdout", Clause("expected a number from 0 to 1"))
    if not 0 <= value <= 1:
        raise _bad("holdout", Clause("expected a number from 0 to 1"))
    return float(value)


def _planned(value: Any, zone: ZoneInfo | None) -> datetime:
    """Read when to start: an instant of its own, or what the clocks of the named zone show."""
    try:
        plain = zone is not None and datetime.fromisoformat(value).tzinfo is None
    except (TypeError, ValueError):
        plain = False
    return instant(value, zone) if plain and zone is not None else _instant(value, "at")


def _instant(value: Any, place: str) -> datetime:
    try:
        return parse_instant(value)
    except (TypeError, ValueError):
        raise _bad(place, Clause("expected a time such as 2026-03-01T09:00:00Z")) from None


def _bad(place: str, reason: Clause) -> BadInput:
    return BadInput("campaign.bad_value", place, reason=reason)
