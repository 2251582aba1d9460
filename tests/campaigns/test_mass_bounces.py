"""Mail that comes back alike from many: the fault is not theirs, nobody is stopped, and a person looks."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns.delivery import notifications
from crm_plugin.campaigns.feedback.bounce_effects import Taken
from crm_plugin.campaigns.models import Delivery
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from tests.campaigns.fixtures import books, run, set_person, state, world
from tests.campaigns.test_bounces import DOMAIN, SQLITE, came_back, mailed, stopped


def many(database: Database, tmp_path: Path, people: int = 60) -> Crm:
    return world(database, tmp_path, people=people, bounce_domain=DOMAIN, notify_email="boss@school.example")


def test_when_many_come_back_alike_no_address_is_stopped_and_a_person_looks(
    database: Database, tmp_path: Path
) -> None:
    """As when a mail server has lost its list of recipients: it reports 5.1.1 of everybody."""
    crm = many(database, tmp_path)
    notifications.notify(crm)
    campaign = mailed(crm)
    for person in range(1, 30):
        came_back(crm, campaign, person=person)
    assert len(stopped(crm)) == 29, "up to here they may be the addresses' own"
    came_back(crm, campaign, person=30)
    assert stopped(crm) == set()
    for person in range(31, 61):
        assert came_back(crm, campaign, person=person) == Taken("hard", True, False)
    assert stopped(crm) == set()
    assert books(crm, campaign) == {"considered": 60, "failed_transient": 60}
    assert notifications.notify(crm) == 1
    assert notifications.notify(crm) == 0


def test_a_minority_that_comes_back_alike_is_stopped(database: Database, tmp_path: Path) -> None:
    crm = many(database, tmp_path)
    campaign = mailed(crm)
    for person in range(1, 26):
        came_back(crm, campaign, person=person)
    assert len(stopped(crm)) == 25


def test_an_address_with_a_bounce_of_another_campaign_stays_stopped(
    database: Database, tmp_path: Path
) -> None:
    crm = many(database, tmp_path, people=40)
    crm.settings.bounce_hard = 1
    before = mailed(crm)
    second = mailed(crm, 1)
    came_back(crm, before, person=1)
    for person in range(1, 41):
        came_back(crm, second, person=person)
    assert stopped(crm) == {("p1@example.org", "marketing", "bounce")}


def _lost_by_one_domain(crm: Crm, days: int = 0) -> int:
    """Send to 100 people, and have all 30 of one domain come back as unknown; return the campaign."""
    campaign = mailed(crm, days)
    for person in range(1, 31):
        came_back(crm, campaign, person=person)
    return campaign


@pytest.fixture
def firm(database: Database, tmp_path: Path) -> Crm:
    """A school of 100 people, 30 of whom have addresses of one firm."""
    crm = many(database, tmp_path, people=100)
    for number in range(1, 31):
        address = f"p{number}@firm_1.example"
        set_person(crm, number, email=address, email_key=address)
    notifications.notify(crm)
    return crm


def test_when_a_whole_domain_comes_back_alike_its_addresses_are_kept_and_somebody_is_told(firm: Crm) -> None:
    """Its server may have lost its list; the others of the campaign say nothing of it."""
    campaign = _lost_by_one_domain(firm)
    assert stopped(firm) == set()
    assert books(firm, campaign) == {"considered": 100, "sent": 70, "failed_transient": 30}
    assert (state(firm, campaign), notifications.notify(firm)) == ("finished", 1)


@SQLITE
def test_a_domain_that_comes_back_alike_on_another_day_is_believed(firm: Crm) -> None:
    _lost_by_one_domain(firm)
    _lost_by_one_domain(firm, days=2)
    assert len(stopped(firm)) == 30


@SQLITE
def test_refused_at_once_by_one_domain_may_be_sent_again(firm: Crm) -> None:
    campaign = mailed(firm)
    mine = sa.update(Delivery).where(Delivery.campaign_id == campaign, Delivery.person_id <= 30)
    with firm.db.begin() as session:
        session.execute(mine.values(state="failed_permanent", reason="smtp_550_5.1.1"))
    run(firm)
    assert stopped(firm) == set()
    assert books(firm, campaign) == {"considered": 100, "sent": 70, "failed_transient": 30}
