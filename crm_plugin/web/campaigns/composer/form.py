"""What the composer's forms say, as the keys of a campaign file."""

from collections.abc import Callable, Mapping
from typing import Any

from werkzeug.datastructures import MultiDict

from crm_plugin.campaigns.document.local_time import instant, zone_named
from crm_plugin.campaigns.document.schemas import TITLES
from crm_plugin.campaigns.policy.fields import Field
from crm_plugin.campaigns.policy.rules import FIELDS
from crm_plugin.kernel.errors import BadInput, Clause
from crm_plugin.web.campaigns.composer.variables import read_words

CONTENT = ("template", "subject", "html", "text", "link", "course", "class")
Goal = Callable[[str], dict[str, Any] | None]
"""Name of a goal in the form → its tree; None = there is none."""


def content_of(
    form: MultiDict[str, str], before: Mapping[str, Any], page_of: Callable[[str, str], str]
) -> dict[str, Any]:
    """Return the content that a form holds; what was left empty is left out.

    :param before: the content so far: the title of a course that was changed is not kept.
    :param page_of: gives the school's page of a ``course`` or ``class`` by its id, else an empty text.
    """
    content: dict[str, Any] = {}
    for key in CONTENT:
        value = form.get(key, "").replace("\r\n", "\n").strip()
        if value:
            content[key] = value
    if form.get("link_to") in TITLES:
        content["link"] = page_of(form["link_to"], content.get(form["link_to"], ""))
    if not content.get("link"):
        content.pop("link", None)
    words = read_words(form)
    variables = words.pop("variables", {})
    for key, title in TITLES.items():
        same_words = variables.get(title) == before.get("variables", {}).get(title)
        if content.get(key) != before.get(key) and same_words:
            variables.pop(title, None)
    return {**content, **words, **({"variables": variables} if variables else {})}


def policy_of(form: MultiDict[str, str], before: Mapping[str, Any], goal: Goal) -> dict[str, Any]:
    """Return ``policy``, ``holdout``, ``at`` and ``zone``.

    :param before: the policy so far: a goal that the form cannot show is kept.
    :param goal: makes the goal that the form names.
    :raises BadInput: ``campaign.*`` for what is no number, time or zone.
    """
    policy: dict[str, Any] = {}
    _put(policy, "once", before.get("once"))  # asked at the last step
    _put(policy, "goal", before.get("goal") if form.get("goal", "keep") == "keep" else goal(form["goal"]))
    for field in FIELDS:
        _put(policy, field.key, _numbers(form, field))
    if form.get("quiet_from") or form.get("quiet_to"):
        policy["quiet_hours"] = {"from": form.get("quiet_from", "")[:5], "to": form.get("quiet_to", "")[:5]}
    rate = _whole(form, "rate_n")
    if rate is not None:
        policy["rate"] = {"n": rate, "per_seconds": _whole(form, "rate_seconds") or 1}
    zone = zone_named(form.get("zone", "") or "UTC")
    _put(policy, "expires_at", _instant(form, "expires_at", zone))
    later = form.get("when", "later") == "later"
    at = _instant(form, "at", zone) if later else None
    return {"policy": policy, "holdout": _share(form), "at": at, "zone": zone.key}


def _put(policy: dict[str, Any], key: str, value: Any) -> None:
    if value is not None:
        policy[key] = value


def _numbers(form: MultiDict[str, str], field: Field) -> Any:
    """Return what the form says of a rule as the campaign file holds it; None: its first box is empty."""
    first, *rest = [(_whole(form, name), number) for name, number in field.inputs()]
    if first[0] is None:
        return None
    return field.written([first[0], *(value or number.proposed or 1 for value, number in rest)])


def _whole(form: MultiDict[str, str], name: str) -> int | None:
    text = form.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise BadInput("campaign.bad_value", name, reason=Clause("expected a whole number"))
    return int(text)


def _share(form: MultiDict[str, str]) -> float:
    text = form.get("holdout", "").strip().removesuffix("%") or "0"
    try:
        return float(text) / 100
    except ValueError:
        raise BadInput(
            "campaign.bad_value", "holdout", reason=Clause("expected a number from 0 to 100")
        ) from None


def _instant(form: MultiDict[str, str], name: str, zone: Any) -> str | None:
    text = form.get(name, "").strip()
    return instant(text, zone, name).isoformat() if text else None
