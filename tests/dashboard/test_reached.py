"""People reached in some days: those of the ledger, in the school's days, each once."""

import random
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns.ledger.states import COUNTED
from crm_plugin.campaigns.models import Delivery
from crm_plugin.dashboard import reached
from crm_plugin.dashboard.spans import LENGTHS, LONGEST, Span, between, last_days
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput
from crm_plugin.profiles.store.host_info_cache import school_today, school_zone
from crm_plugin.segments import service
from tests.campaigns.fixtures import add_people, set_person
from tests.campaigns.test_sent_days import ZONES, school


def by_hand(crm: Crm, span: Span) -> set[str]:
    """The people of the ledger to whom anything was handed over in these days."""
    first, after = span.ends(school_zone(crm))
    with crm.db.read() as session:
        rows = session.scalars(sa.select(Delivery).where(Delivery.state.in_(COUNTED))).all()
    found = {row.person_id for row in rows if row.handed_at and first <= row.handed_at < after}
    return {f"p{ident}" for ident in found - {1, 2}}


@pytest.mark.parametrize("zone", ZONES)
def test_they_are_those_of_the_ledger(database: Database, zone: str) -> None:
    crm = school(database, random.Random(zone), zone, ZONES[zone])
    add_people(crm, range(1, 200))
    set_person(crm, 1, status="erased")
    set_person(crm, 2, merged_into="p3")
    today = school_today(crm)
    spans = [between(today - timedelta(days=n), today - timedelta(days=n)) for n in range(5)]
    for span in (*spans, last_days(7, today)):
        found = reached.reached(crm, span)
        assert set(service.ids(crm, found.tree)) == by_hand(crm, span)
        assert found.people == len(by_hand(crm, span))
    assert len({reached.reached(crm, span).people for span in spans}) > 1
    assert reached.refresh(crm, moved=True)
    for length in LENGTHS:
        span = last_days(length, today)
        assert reached.reached(crm, span).people == len(by_hand(crm, span)), "as it is kept"


def test_a_span_has_days_that_can_be_shown() -> None:
    day = date(2026, 10, 25)
    assert len(between(day, day + timedelta(days=LONGEST - 1)).days) == LONGEST
    for first, last in ((day, day - timedelta(days=1)), (day, day + timedelta(days=LONGEST))):
        with pytest.raises(BadInput):
            between(first, last)
    with pytest.raises(BadInput):
        between(date(1, 1, 1), date(1, 1, 2))
    with pytest.raises(BadInput):
        last_days(31, day)
    assert last_days(7, day).days[0] == date(2026, 10, 19)
