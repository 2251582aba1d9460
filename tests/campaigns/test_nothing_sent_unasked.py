"""Nothing is sent that nobody asked for: not by installing, not by a worker that was away."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa

from crm_plugin.campaigns import service
from crm_plugin.campaigns.models import Delivery
from crm_plugin.channels.models import OutboxMessage
from crm_plugin.host import records as r
from crm_plugin.host.context import install
from crm_plugin.kernel.db.engine import Database
from crm_plugin.plugin import burst_rounds, prepare, run_daily
from crm_plugin.profiles.models.school import Person
from tests.campaigns.fixtures import launched, move_to, run, sent, state, world
from tests.fakes.crm import NOW, make_crm
from tests.fakes.host import FakeHost, staff

DAYS = 3


def test_installing_on_a_living_school_writes_to_nobody(database: Database, tmp_path: Path) -> None:
    """People who did everything that a campaign could be about, long before and just now."""
    people = [r.Person(f"p{n}", "active", f"P {n}", email=f"p{n}@a.example") for n in range(20)]
    orders = [
        r.Order(f"o{n}", f"p{n}", "pending", Decimal(10), "CNY", created_at=NOW - timedelta(days=n))
        for n in range(20)
    ]
    school = FakeHost(*people, *orders)
    crm = make_crm(database, school, instance=str(tmp_path / "instance"))
    install(crm)
    prepare(crm)
    for day in range(DAYS):
        move_to(crm, NOW + timedelta(days=day))
        run_daily(crm)
        while any([round_() for round_ in burst_rounds(crm)]):
            pass
    with crm.db.read() as session:
        count = sa.select(sa.func.count())
        assert session.scalar(count.select_from(Person)) == 20
        assert [session.scalar(count.select_from(one)) for one in (Delivery, OutboxMessage)] == [0, 0]
    assert school.messages == []


def test_reminders_that_were_missed_do_not_come_all_at_once(database: Database, tmp_path: Path) -> None:
    """Three reminders of one course, planned for three days on which no worker ran."""
    crm = world(database, tmp_path, people=5)
    reminders = [launched(crm, at=(NOW + timedelta(days=day)).isoformat()) for day in range(1, DAYS + 1)]
    move_to(crm, NOW + timedelta(days=DAYS))
    run(crm)
    assert [state(crm, one) for one in reminders] == ["held", "held", "finished"]
    assert len(sent(crm)) == 5, "only the last one, which is on time"
    service.cancel(crm, staff("ann"), reminders[0])
    run(crm)
    assert len(sent(crm)) == 5
