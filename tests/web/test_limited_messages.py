"""What staff limited to some courses see of campaigns, their people and messages."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.composing.test_send import send_test
from crm_plugin.campaigns.reporting.messages import latest_messages, message
from crm_plugin.host import records as r
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import NotFound
from crm_plugin.profiles.sync.service import sync
from tests.web.limits import ADMIN, LIMITED, Limits, open_limits, outcome, people_of


@pytest.fixture
def limits(database: Database, tmp_path: Path) -> Limits:
    return open_limits(database, tmp_path)


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_a_test_message_about_a_person_inside_is_closed_too(limits: Limits) -> None:
    send_test(limits.crm, ADMIN, limits.ids["draft"], "tester@example.com", "in1")
    newest = latest_messages(limits.crm, ADMIN)[0]
    assert (newest.campaign_id, newest.person) == (None, "in1")
    assert message(limits.crm, ADMIN, newest.id).id == newest.id
    with pytest.raises(NotFound):
        message(limits.crm, LIMITED, newest.id)
    assert latest_messages(limits.crm, LIMITED) == []


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_a_campaign_of_theirs_reaches_nobody_outside(limits: Limits) -> None:
    rows = people_of(limits, LIMITED, "own")
    assert {row.host_id for row in rows} == {"in1", "in2"}
    everybody = people_of(limits, ADMIN, "theirs")
    assert len(everybody) > len(rows)
    with pytest.raises(NotFound):
        send_test(limits.crm, LIMITED, limits.ids["own_draft"], "a@example.com", "out1")
    with pytest.raises(NotFound):
        drafts.create_single(limits.crm, LIMITED, "out1", {"channel": "email", "subject": "x", "html": "x"})


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_purchases_after_their_campaign_are_of_their_courses(limits: Limits) -> None:
    host, now = limits.school.host, limits.crm.clock()
    limits.crm.clock.move(hours=1)  # type: ignore[attr-defined]
    for number, course in enumerate(("c2", "c3")):
        line = r.OrderLine("course", course, Decimal(10))
        at = now + timedelta(minutes=30)
        host.put(r.Order(f"late{number}", "in1", "paid", Decimal(10), "CNY", paid_at=at, lines=(line,)))
    sync(limits.crm, full=True)
    found = [outcome(limits, ADMIN, name) for name in ("own", "theirs")]
    assert [one and one.orders for one in found] == [1, 2]
