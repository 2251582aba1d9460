"""Delivery reports and replies that a carrier sends us: what may be believed, and what it says.

They come late, twice and in any order; :mod:`crm_plugin.campaigns.feedback.delivery_reports` and
:mod:`crm_plugin.campaigns.feedback.replies` cope with that. Here they are only proven and read.
"""

import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal, TypeVar

from crm_plugin.channels.sms.carriers.template_submission import Verdict
from crm_plugin.channels.sms.reply_words import Wish
from crm_plugin.kernel.errors import BadInput, Clause
from crm_plugin.kernel.settings import Settings

log = logging.getLogger(__name__)

Row = dict[str, Any]
Read = TypeVar("Read")

CHINA = timezone(timedelta(hours=8))
"""In which carriers of the mainland write times."""
MOST = 2_000
"""Reports in one push."""
SHORTEST_SECRET = 16
LONGEST_REF = 128
LONGEST_TEXT = 2_000
"""Letters of a reply that are kept; the longest SMS has some 1,500."""


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
class Inbound:
    """A message that somebody sent to us."""

    number: str
    """Of the sender, in any spelling of the carrier's."""
    text: str
    at: datetime | None = None
    """None = now."""
    id: str = ""
    """The carrier's own; empty when it gives none."""
    wish: Wish = ""
    """What the carrier itself took it for."""

    def name(self, carrier: str) -> str:
        """Return what the same message is called each time that it comes."""
        told = self.id or f"{self.number} {self.at} {self.text}"
        return hashlib.sha256(f"{carrier} {told}".encode("utf-8", "replace")).hexdigest()


@dataclass(frozen=True, slots=True)
class Push:
    """How a carrier's reports and replies are proven, read and answered."""

    genuine: Callable[[Settings, Pushed], bool]
    read: Callable[[bytes], list[Report]]
    """Raises BadInput ``input.bad`` or ``input.not_json`` when the body is not what the carrier sends."""
    inbound: Callable[[bytes], list[Inbound]]
    """Reads what people sent to us out of the same pushes; raises as ``read`` does."""
    answer: bytes
    """What the carrier takes for "received"."""
    verdicts: Callable[[bytes], list[Verdict]] | None = None
    """Reads answers about templates out of the same pushes; None = the carrier pushes none."""
    media_type: str = "application/json"
    """Of the answer."""


def has_secret(settings: Settings, pushed: Pushed) -> bool:
    """Return whether the address holds the secret: the only proof that carriers who sign nothing can give."""
    secret = settings.sms_callback_secret
    if len(secret) < SHORTEST_SECRET:
        return False
    return hmac.compare_digest(secret.encode(), pushed.secret.encode("utf-8", "replace"))


def callback_url(settings: Settings, carrier: str, secret: str) -> str:
    """Return the address that a carrier sends its reports to."""
    return f"{settings.public_url.rstrip('/')}/c/{carrier}/{secret}"


def rows_of(
    body: bytes, key: str | None = None, *, beside: str | None = None, lone: bool = False
) -> list[Row]:
    """Return the objects of a JSON list (or of the list under ``key`` of an object).

    :param beside: a name of the object that may be there instead of ``key``.
    :param lone: an object by itself is a list of one.
    :raises BadInput: ``input.not_json``, ``input.bad``.
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise BadInput("input.not_json", reason=Clause("a list of reports was expected")) from None
    if key is not None and isinstance(found, dict) and beside in found:
        found = found.get(key, [])
    elif key is not None:
        found = found.get(key) if isinstance(found, dict) else None
    elif lone and isinstance(found, dict):
        found = [found]
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise BadInput("input.bad", reason=Clause("a list of reports was expected"))
    if len(found) > MOST:
        raise BadInput("input.bad", reason=Clause("more than {limit} reports", limit=MOST))
    return found


def each(rows: Iterable[Row], read: Callable[[Row], Read]) -> list[Read]:
    """Read row by row: a bad one harms itself only, unless there are no others.

    :raises BadInput: what is wrong with the first, when not one could be read.
    """
    good: list[Read] = []
    bad: list[BadInput] = []
    for row in rows:
        try:
            good.append(read(row))
        except BadInput as error:
            bad.append(error)
    if bad and not good:
        raise bad[0]
    if bad:
        log.warning("%s of %s rows of a carrier's push cannot be read", len(bad), len(bad) + len(good))
    return good


def words(row: Mapping[str, Any], name: str) -> str:
    """Return what somebody wrote to us, on one line; empty when they wrote nothing.

    :raises BadInput: ``input.bad`` when it is no text.
    """
    value = row.get(name)
    if value is not None and not isinstance(value, str):
        raise BadInput("input.bad", name, reason=Clause("a text was expected"))
    return "".join(one if one.isprintable() else " " for one in (value or "")[:LONGEST_TEXT]).strip()


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


def unix_time(value: object) -> datetime | None:
    """Read seconds since 1970, as a number; None for anything else."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
