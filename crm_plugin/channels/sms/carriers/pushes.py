"""Delivery reports that a carrier sends us: what may be believed, and what it says.

Reports come late, twice and in any order;
:func:`crm_plugin.campaigns.feedback.delivery_reports.receive` copes with that.
Here they are only proven and read.
"""

import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal

from crm_plugin.channels.sms.carriers.template_submission import Verdict
from crm_plugin.kernel.errors import BadInput, Clause
from crm_plugin.kernel.settings import Settings

CHINA = timezone(timedelta(hours=8))
"""In which carriers of the mainland write times."""
MOST = 2_000
"""Reports in one push."""
SHORTEST_SECRET = 16
LONGEST_REF = 128


@dataclass(frozen=True, slots=True)
class Pushed:
    """One request to a carrier's address."""

    carrier: str
    secret: str
    """The last part of the path."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one message."""

    ref: str
    """As in the receipt of its submission."""
    state: Literal["delivered", "failed_permanent"]
    reason: str | None = None
    at: datetime | None = None
    """None = now."""


@dataclass(frozen=True, slots=True)
class Push:
    """How a carrier's reports are proven, read and answered."""

    genuine: Callable[[Settings, Pushed], bool]
    read: Callable[[bytes], list[Report]]
    """Raises BadInput ``input.bad`` or ``input.not_json`` when the body is not what the carrier sends."""
    answer: bytes
    """JSON that the carrier takes for "received"."""
    verdicts: Callable[[bytes], list[Verdict]] | None = None
    """Reads answers about templates out of the same pushes; None = the carrier pushes none."""


def has_secret(settings: Settings, pushed: Pushed) -> bool:
    """Return whether the address holds the secret: the only proof that carriers who sign nothing can give."""
    secret = settings.sms_callback_secret
    if len(secret) < SHORTEST_SECRET:
        return False
    return hmac.compare_digest(secret.encode(), pushed.secret.encode("utf-8", "replace"))


def callback_url(settings: Settings, carrier: str, secret: str) -> str:
    """Return the address that a carrier sends its reports to."""
    return f"{settings.public_url.rstrip('/')}/c/{carrier}/{secret}"


def rows_of(body: bytes, key: str | None = None) -> list[dict[str, Any]]:
    """Return the objects of a JSON list (or of the list under ``key`` of an object).

    :raises BadInput: ``input.not_json``, ``input.bad``.
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise BadInput("input.not_json", reason=Clause("a list of reports was expected")) from None
    if key is not None:
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise BadInput("input.bad", reason=Clause("a list of reports was expected"))
    if len(found) > MOST:
        raise BadInput("input.bad", reason=Clause("more than {limit} reports", limit=MOST))
    return found


def word(row: Mapping[str, Any], name: str, longest: int = LONGEST_REF) -> str:
    """Return a short text (or number) of a report.

    :raises BadInput: ``input.bad`` when it is missing or something else.
    """
    value = row.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not 0 < len(value) <= longest or not value.isprintable():
        raise BadInput("input.bad", name, reason=Clause("a short text was expected"))
    return value


def reference(value: object, longest: int = LONGEST_REF) -> str | None:
    """Return a carrier's name for a message; None for anything that no column of ours could hold."""
    good = isinstance(value, str) and 0 < len(value) <= longest and value.isprintable()
    return str(value) if good else None


def explanation(value: object) -> str | None:
    """Return what somebody at a carrier wrote, on one line; None when it is nothing."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(value or "")[:500])
    return text.strip() or None


def local_time(text: object) -> datetime | None:
    """Read ``2017-01-01 00:00:00`` of a carrier of the mainland; None for anything else."""
    try:
        return datetime.strptime(str(text), "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
