"""Events of e-mail that are posted to us, in one form whatever the provider; a bad one harms itself only."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from crm_plugin.channels.email.feedback.bounce_classification import Kind
from crm_plugin.kernel.clock import parse_instant
from crm_plugin.kernel.errors import BadInput, Clause, CrmError

Effect = Kind | Literal["opt_out"]
"""What an event does; ``opt_out``: the recipient wants no more marketing by e-mail."""
MOST = 1_000
"""Events in one request."""
_MILLISECONDS = 100_000_000_000
"""From here on a number of a time is not of seconds: those would lie in the year 5138."""
_MESSAGE_ID = re.compile(r"<?(\d{1,18})-(\d{1,18})(?:\.([0-9a-z]{1,32}))?@[^\s<>@]+>?")
"""Ours; those of earlier versions had no mark of the installation."""


@dataclass(frozen=True, slots=True)
class Posted:
    """One event of a provider."""

    id: str
    """The provider's own; empty when it gives none."""
    kind: Effect
    status: str
    at: datetime | None
    address: str = ""
    code: str = ""
    """Of our return path."""
    row: tuple[int, int] | None = None
    """(campaign, ledger row) of our Message-ID."""
    mark: str = ""
    """Of the installation in the Message-ID; empty in those of earlier versions."""
    words: str = ""
    """What the mail server said, without addresses."""


@dataclass(slots=True)
class Batch:
    """The events of one request."""

    events: list[Posted] = field(default_factory=list)
    bad: list[tuple[int, CrmError]] = field(default_factory=list)
    """(place in the request, what is wrong) of those that cannot be read."""


def listed(rows: Iterable[Any], read: Callable[[Any, int], Posted | None]) -> Batch:
    """Read row by row; None is an event that says nothing that counts."""
    batch = Batch()
    for place, row in enumerate(rows):
        try:
            event = read(row, place)
        except BadInput as error:
            batch.bad.append((place, error))
        else:
            batch.events += [event] if event is not None else []
    return batch


def instant_of(value: object) -> datetime | None:
    """Read a time in ISO 8601, or seconds or milliseconds since 1970; None for nothing.

    :raises ValueError: for anything else.
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("no time")
    if isinstance(value, str) and not re.fullmatch(r"\d{9,14}", value):
        return parse_instant(value)
    try:
        seconds = float(value)
        return datetime.fromtimestamp(seconds / 1000 if abs(seconds) >= _MILLISECONDS else seconds, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError(str(error)) from error


def ident_of(message_id: str) -> dict[str, Any]:
    """Return ``row`` and ``mark`` of an event, where it names a Message-ID of ours."""
    match = _MESSAGE_ID.fullmatch(message_id.strip())
    return {"row": (int(match[1]), int(match[2])), "mark": match[3] or ""} if match else {}


def too_many() -> BadInput:
    """Return the error for a request that holds no list of events, or too many."""
    return BadInput(
        "input.bad", "events", reason=Clause("a list of at most {limit} events was expected", limit=MOST)
    )
