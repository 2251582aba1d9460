"""A campaign's numbers as its page shows them: the bar, the lines, the pace, what one may do now."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import request

from crm_plugin.campaigns.ledger.states import STATES, Books
from crm_plugin.campaigns.policy.rules import KEYS
from crm_plugin.campaigns.queries import CampaignRow
from crm_plugin.campaigns.reporting.report import Report
from crm_plugin.web.shell import formatting
from crm_plugin.web.shell.guard import crm
from crm_plugin.web.shell.vocabulary import word

MOVING = ("scheduled", "freezing", "sending")
SAMPLE = 15.0
"""Seconds over which the present pace is measured."""
_TONES = {
    "sent": "good",
    "delivered": "good",
    "sending": "info",
    "leased": "info",
    "pending": "wait",
    "waiting": "wait",
    "failed_transient": "bad",
    "failed_permanent": "bad",
    "unknown": "warn",
    "cancelled": "mute",
    "excluded": "mute",
}
_ORDER = (
    "delivered", "sent", "sending", "leased", "pending", "waiting", "unknown",
    "failed_transient", "failed_permanent", "cancelled", "excluded",
)  # fmt: skip
_DONE = ("sent", "delivered", "failed_permanent", "unknown")


@dataclass(frozen=True)
class Piece:
    """A piece of the bar of books, in thousandths of its width."""

    label: str
    tone: str
    count: int
    x: float
    width: float


@dataclass(frozen=True)
class Line:
    """A line of the report; ``what`` opens its people."""

    label: str
    count: int
    what: str
    indent: bool = False


@dataclass(frozen=True)
class Pace:
    """How fast a campaign goes: since the sample that the page carries along, else since its launch."""

    rate: str = ""
    remaining: str = ""
    sample: str = ""
    """What the page sends with its next question."""


def counts_of(books: Books) -> dict[str, int]:
    """Return state → people, the excluded ones as one number."""
    return {**books.states, "excluded": sum(books.excluded.values())}


def bar_of(books: Books) -> list[Piece]:
    """Return the pieces of the bar."""
    counts, x, pieces = counts_of(books), 0.0, []
    for name in _ORDER:
        if counts[name]:
            width = round(1000 * counts[name] / books.considered, 2)
            pieces.append(Piece(word("delivery", name), _TONES[name], counts[name], round(x, 2), width))
            x += width
    return pieces


def pace_of(row: CampaignRow, books: Books) -> Pace:
    """Return the pace of a campaign that is sending."""
    done, now = sum(books.states[name] for name in _DONE), crm().clock()
    if row.state != "sending" or row.launched_at is None:
        return Pace()
    since, before = _sample() or (row.launched_at, 0)
    span = (now - since).total_seconds()
    rate = max(done - before, 0) / max(span, 1.0)
    left = sum(books.states[name] for name in ("pending", "leased", "sending"))
    kept = (since, before) if span < SAMPLE else (now, done)
    return Pace(
        rate=formatting.number(round(rate, 1)) if done else "",
        remaining=formatting.seconds(left / rate) if left and rate else "",
        sample=f"{kept[0].timestamp():.3f} {kept[1]}",
    )


def _sample() -> tuple[datetime, int] | None:
    at, _, done = request.args.get("sample", "").partition(" ")
    try:
        return datetime.fromtimestamp(float(at), crm().clock().tzinfo), int(done)
    except (ValueError, OverflowError, OSError):
        return None


def verbs_of(row: CampaignRow, books: Books) -> set[str]:
    """Return what may be done to a campaign now."""
    verbs = set()
    if row.state in MOVING:
        verbs.add("pause")
    if row.state in ("paused", "held"):
        verbs.add("resume")
    if row.state in (*MOVING, "paused", "held"):
        verbs.add("cancel")
    if books.states["failed_transient"] and row.state in ("sending", "paused", "held", "finished"):
        verbs.add("retry")
    return verbs


def lines_of(found: Report) -> list[Line]:
    """Return the lines of the report: every state, and below it its reasons."""
    books, counts = found.books, counts_of(found.books)
    made = [Line(word("delivery", "considered"), books.considered, "considered")]
    why = {"excluded": [(one, books.excluded[one]) for one in sorted(books.excluded, key=_place)]}
    for state, reason, count in found.reasons:
        why.setdefault(state, []).append((reason, count))
    for name in ("excluded", *(one for one in STATES if one != "excluded")):
        made.append(Line(word("delivery", name), counts[name], name))
        made += [Line(word("reason", one), count, f"{name}:{one}", True) for one, count in why.get(name, [])]
    return made


def _place(reason: str) -> int:
    return KEYS.index(reason) if reason in KEYS else len(KEYS)


def funnel_of(found: Report, bought: int | None) -> list[dict[str, Any]]:
    """Return the steps from everybody considered to those who came back; each opens its people.

    :param bought: people who bought afterwards; None where the reader may not know.
    """
    counts = counts_of(found.books)
    left = sum(counts[name] for name in ("sent", "delivered", "unknown", "sending"))
    steps = [
        ("considered", found.books.considered),
        ("to_get", found.books.considered - counts["excluded"] - counts["cancelled"]),
        ("left", left),
        ("delivered", counts["delivered"]),
        ("clicked", found.clicks.people_clicked),
    ]
    shown = [{"key": key, "count": count} for key, count in steps if key != "delivered" or count]
    return [*shown, {"key": "bought", "count": bought}] if bought is not None else shown
