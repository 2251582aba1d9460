"""People reached in some days: those with any message that was handed over, as a segment.

For the lengths that pages offer the number is kept by a worker; for other days it is counted on the spot.
"""

import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from crm_plugin.campaigns.ledger.states import COUNTED
from crm_plugin.dashboard.spans import LENGTHS, Span, last_days
from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import TooSlow
from crm_plugin.kernel.key_value import keep, kept
from crm_plugin.profiles.store.host_info_cache import school_today
from crm_plugin.segments import service as segments
from crm_plugin.segments.language.documents import Document, all_of, rows, rule

JOB = "dashboard.reached"
_KEPT = JOB
FRESH = timedelta(hours=1)
SHARE = 50
"""The numbers stand at least so many times as long as counting them took."""


@dataclass(frozen=True, slots=True)
class Reached:
    """How many people were reached; None = it took too long to count them now."""

    people: int | None
    tree: Document


def tree_of(span: Span) -> Document:
    """Return the segment of people who were handed a message in these days."""
    days = [span.first.isoformat(), span.last.isoformat()]
    left = (rule("state", "in", list(COUNTED)), rule("sent_at", "between", days))
    return all_of(rows("deliveries", *left))


def reached(crm: Crm, span: Span) -> Reached:
    """Return the people reached in a span."""
    tree = tree_of(span)
    with crm.db.read() as session:
        found = kept(session, _KEPT)
    if span.length and found is not None and date.fromisoformat(found["day"]) == span.last:
        return Reached(found["people"].get(str(span.length)), tree)
    try:
        return Reached(segments.count(crm, tree).count, tree)
    except TooSlow:
        return Reached(None, tree)


def refresh(crm: Crm, *, moved: bool) -> bool:
    """Count again when messages left since, or it is long ago; return whether it was done.

    :param moved: messages left, or what became of them changed.
    """
    now, today = crm.clock(), school_today(crm)
    with crm.db.read() as session:
        found = kept(session, _KEPT)
    if found is not None and found["day"] == today.isoformat():
        age = now - datetime.fromisoformat(found["as_of"])
        if age < timedelta(seconds=SHARE * found["seconds"]) or (age < FRESH and not moved):
            return False
    started = time.perf_counter()
    counted = crm.round(JOB).each(LENGTHS, lambda n: (str(n), _count(crm, last_days(n, today))))
    people = dict(counted)
    seconds = round(time.perf_counter() - started, 3)
    document = {"as_of": now.isoformat(), "day": today.isoformat(), "people": people, "seconds": seconds}
    crm.db.run(lambda session: keep(session, _KEPT, document))
    return True


def _count(crm: Crm, span: Span) -> int:
    return segments.count(crm, tree_of(span)).count
