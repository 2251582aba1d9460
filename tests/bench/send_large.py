"""Large campaigns: the freeze, the memory of a worker, what a message costs, how soon a pause is felt."""

import threading
import time
from functools import partial
from statistics import median

import sqlalchemy as sa

from crm_plugin.campaigns import service
from crm_plugin.campaigns.launch import staging
from crm_plugin.campaigns.launch.freezing import freeze
from crm_plugin.campaigns.models import Campaign
from crm_plugin.campaigns.prepared_campaign import audience_of, present_of, rules_of
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from tests.bench.rig import say
from tests.bench.sending_school import (
    EMAIL,
    by_smtp,
    frozen,
    launched,
    left,
    open_crm,
    timed,
    vacuum,
    work,
)
from tests.bench.sinks import smtp_sink
from tests.fakes.host import staff

_COLUMNS = (
    *("campaign_id", "person_id", "channel", "address", "address_key", "state", "reason"),
    *("tries", "marketing"),
)


def freezing(database: Database, runs: int) -> None:
    """Measure the freeze of everybody against the same decision as one statement into an equal table."""
    crm = open_crm(database, **by_smtp(9))
    bare, ours = [], []
    for _ in range(runs):
        campaign = launched(crm, **EMAIL)
        bare.append(timed(partial(_bare_freeze, crm, campaign))[0])
        vacuum(database)
        ours.append(timed(partial(freeze, crm, campaign))[0])
        with database.begin() as session:
            session.execute(sa.text("TRUNCATE crm_delivery, crm_staged"))
            session.execute(sa.update(Campaign).values(state="cancelled"))
        vacuum(database)
    ratio = median(ours) / median(bare)
    say(f"freezing: {median(ours):.1f} s, bare INSERT … SELECT {median(bare):.1f} s: {ratio:.2f} (bar 1.5)")


def _bare_freeze(crm: Crm, campaign_id: int) -> None:
    """Decide and write in one statement, into a table with the ledger's constraints and indexes."""
    with crm.db.begin() as session:
        campaign = session.get_one(Campaign, campaign_id)
        tree, rules = audience_of(crm, campaign), rules_of(crm, campaign)
        found = staging.decided(tree, rules, present_of(crm, campaign))
        session.execute(sa.text("CREATE TABLE bare (LIKE crm_delivery INCLUDING ALL)"))
        in_play = found.c.reason.is_(None)
        rows = sa.select(
            *(sa.literal(campaign_id), found.c.person_id, sa.literal("email")),
            *(sa.case((in_play, found.c.address)), sa.case((in_play, found.c.address_key))),
            *(sa.case((in_play, "pending"), else_="excluded"), found.c.reason, sa.literal(0), sa.true()),
        )
        table = sa.table("bare", *map(sa.column, _COLUMNS))
        session.execute(sa.insert(table).from_select(list(_COLUMNS), rows))
    with crm.db.begin() as session:
        session.execute(sa.text("DROP TABLE bare"))


def small(database: Database, runs: int) -> None:
    """Tell what a message of a small campaign costs a worker."""
    with smtp_sink() as sink:
        settings = by_smtp(sink.port)
        crm, spent, count = open_crm(database, **settings), [], 0
        for _ in range(runs):
            before = sink.count.value
            campaign = frozen(crm, **EMAIL)
            spent.append(work(database.engine.url, campaign, settings))
            count = sink.count.value - before
    _tell(count, [run.cpu / count for run in spent], max(run.memory for run in spent))


def large(database: Database, a_slice: int) -> None:
    """Tell the same of three slices of a large one, and how soon a pause is felt in the middle of another."""
    with smtp_sink() as sink:
        settings = by_smtp(sink.port)
        crm, before = open_crm(database, **settings), sink.count.value
        spent = work(database.engine.url, frozen(crm, **EMAIL), settings, a_slice=a_slice)
        slices = spent.slices
        three = [slices[len(slices) // 10], slices[len(slices) // 2], slices[-1]]
        _tell(sink.count.value - before, three, spent.memory)
        campaign, before = frozen(crm, **EMAIL), sink.count.value
        sending = threading.Thread(target=work, args=(database.engine.url, campaign, settings, 2))
        sending.start()
        while sink.count.value < before + a_slice:
            time.sleep(0.01)
        asked = time.monotonic()
        service.pause(crm, staff("bench"), campaign)
        sending.join()
        assert left(crm, campaign)
        late = max(0.0, sink.last.value - asked)
        say(f"paused at full speed: the last message left {late:.2f} s after (bar 2)")


def _tell(messages: int, each: list[float], memory: int) -> None:
    costs = ", ".join(f"{cost * 1e6:.0f}" for cost in each)
    middle = median(each) * 1e6
    say(f"{messages:,} messages: {middle:.0f} µs of the worker each ({costs}), {memory} MB (bar 200)")
