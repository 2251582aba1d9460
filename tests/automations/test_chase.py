"""A chase of unpaid orders under a moving clock: who gets what, and what ends it."""

from datetime import timedelta
from pathlib import Path

from crm_plugin.kernel.db.engine import Database
from tests.automations.fixtures import (
    add_order,
    children_of,
    members,
    pass_time,
    school,
    set_order,
    switched_on,
    work,
)
from tests.campaigns.fixtures import sent

HOUR = timedelta(hours=1)


def test_each_step_once_and_nothing_after_the_payment(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path, people=3)
    ident = switched_on(crm)
    for person in (1, 2, 3):
        add_order(crm, person, person)
    work(crm)
    assert set(members(crm, ident)) == {1, 2, 3}
    assert sent(crm) == []
    set_order(crm, 3, state="paid", paid_at=crm.clock())
    pass_time(crm, 2 * HOUR, HOUR)
    assert sorted(sent(crm)) == ["+8613800000001", "+8613800000002"]
    set_order(crm, 2, state="closed", closed_at=crm.clock())
    pass_time(crm, 30 * HOUR, 6 * HOUR)
    assert sorted(sent(crm)) == ["+8613800000001", "+8613800000001", "+8613800000002"]
    found = members(crm, ident)
    assert [(found[n].state, found[n].reason) for n in (1, 2, 3)] == [
        ("done", None),
        ("stopped", "closed"),
        ("stopped", "paid"),
    ]
    assert [(one.step, one.state) for one in children_of(crm, ident)] == [(1, "finished"), (3, "finished")]
