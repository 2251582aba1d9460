"""The reach of a segment at a million people, and a click on its numbers: `make bench-reach`.

A third of the people of :mod:`tests.bench.bulk_school` got marketing five days ago, some opted out and some
said no. What counts is the ratio to a plain count of the same segment, taken in turns in one run. A statement
is stopped as a page's would be, after `page_statement_seconds`.
"""

import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from crm_plugin.campaigns.launch.reach import PART, funnel
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.db.statement_limit import statements_within
from crm_plugin.kernel.errors import TooSlow
from crm_plugin.segments import service
from crm_plugin.segments.listing.subsets import Part
from tests.bench.rig import cpu_seconds, say
from tests.bench.school import PRESENT
from tests.bench.schools import asked_for, schools
from tests.bench.trees import TREES, group, rule, span

TURNS = 3
CHANNEL, DAYS = "sms", 7
VIEWED = "viewed, neither enrolled nor bought it"
AUDIENCES: dict[str, dict[str, Any]] = {
    "everybody": group(),
    "idle for 60 days, or never there": group(
        span("olderThan", 60, "last_active_at"), rule("last_active_at", "null"), combinator="or"
    ),
    VIEWED: TREES[VIEWED][0],
}
"""Of the second nobody stands at the top of the list, which is sorted by the last activity."""
HISTORY = (
    """INSERT INTO crm_delivery (campaign_id, person_id, channel, address, address_key, state, tries,
      marketing, handed_at)
    SELECT 1000000, id, 'email', email, email_key, 'sent', 1, TRUE, :lately
    FROM crm_person WHERE id % 3 = 0""",
    """INSERT INTO crm_consent (person_id, channel, state, origin, at)
    SELECT id, 'sms', CASE WHEN id % 50 = 0 THEN 'denied' ELSE 'granted' END, 'host', :long_ago
    FROM crm_person WHERE id % 5 < 3""",
    """INSERT INTO crm_suppression (channel, address_key, scope, reason, at, source)
    SELECT 'sms', phone_key, 'marketing', 'opt_out', :long_ago, 'page' FROM crm_person WHERE id % 70 = 1""",
)

_ANALYZE = {
    "postgresql": "VACUUM ANALYZE",
    "sqlite": "ANALYZE",
    "mysql": "ANALYZE TABLE crm_delivery, crm_consent, crm_suppression",
}


def main() -> None:
    """Run it for each database that is asked for."""
    for crm in schools(asked_for(__doc__), consent_unknown="send"):
        write_history(crm.db)
        for name, document in AUDIENCES.items():
            compare(crm, name, document)


def write_history(database: Database) -> None:
    """Write what the reasons look at: marketing, answers, opt-outs."""
    at = {"lately": PRESENT - timedelta(days=5), "long_ago": PRESENT - timedelta(days=50)}
    with database.begin() as session:
        for statement in HISTORY:
            names = [name for name in at if f":{name}" in statement]
            session.execute(sa.text(statement), {name: _stored(database, at[name]) for name in names})
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text(_ANALYZE[database.dialect]))


def _stored(database: Database, at: Any) -> Any:
    return at.strftime("%Y-%m-%d %H:%M:%S.%f") if database.dialect == "sqlite" else at


def compare(crm: Crm, name: str, document: dict[str, Any]) -> None:
    """Print what counting, the reach and the lists behind two of its numbers take."""
    steps = funnel(crm, document, CHANNEL, DAYS).steps
    asks: dict[str, Callable[[], object]] = {
        "count": lambda: service.count(crm, document),
        "reach": lambda: funnel(crm, document, CHANNEL, DAYS),
        "allowed": lambda: service.page(crm, _part(document, "allowed")),
        "reached": lambda: service.page(crm, _part(document, "reached")),
    }
    taken: dict[str, list[tuple[float, float]]] = {what: [] for what in asks}
    for _ in range(TURNS):
        for what, ask in asks.items():
            taken[what].append(_seconds(crm, ask))
    clock = {what: statistics.median(one[0] for one in times) for what, times in taken.items()}
    worked = {what: statistics.median(one[1] for one in times) for what, times in taken.items()}
    found = ", ".join(
        f"{what} {clock[what]:.2f} s, {worked[what]:.2f} of processor ({worked[what] / worked['count']:.1f})"
        for what in asks
    )
    say(f"{name}: {steps['matched']:,} people, {steps['reached']:,} reached; {found}")


def _part(document: dict[str, Any], step: str) -> Part:
    return Part(document, {"by": PART, "channel": CHANNEL, "days": DAYS, "step": step})


def _seconds(crm: Crm, ask: Callable[[], object]) -> tuple[float, float]:
    """Return what it took by the clock, without end where it was stopped, and of the processor."""
    worked, started = cpu_seconds(crm.db), time.perf_counter()
    try:
        with statements_within(crm.settings.page_statement_seconds):
            ask()
        taken = time.perf_counter() - started
    except TooSlow:
        taken = float("inf")
    return taken, cpu_seconds(crm.db) - worked


if __name__ == "__main__":
    main()
