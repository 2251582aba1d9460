"""A signed-in visit after a click confirms it; nothing else does."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.links import jobs
from crm_plugin.links.confirmed_visits import confirm
from crm_plugin.links.ingest import classify_again
from crm_plugin.links.measures import tally
from crm_plugin.links.models import Hit
from crm_plugin.profiles.models.school import Person, Signal
from tests.campaigns.fixtures import person
from tests.fakes.crm import NOW


def click(session: Session, number: int, kind: str = "human", minutes: float = 0) -> None:
    """A judged click of person ``number`` so long after now."""
    row = {"spool": "s", "spool_offset": number, "link_id": 1, "campaign_id": 1, "delivery_id": number}
    at = NOW + timedelta(minutes=minutes)
    session.add(
        Hit(**row, person_id=number, at=at, method="GET", agent="Phone", network="n", kind=kind, marks={})
    )


def signal(session: Session, number: int, minutes: float) -> None:
    at = NOW + timedelta(minutes=minutes)
    session.add(Signal(host_id=f"s{number}", row_hash="", person_id=number, kind="view", at=at))


def kinds(crm: Crm) -> dict[int, str]:
    with crm.db.read() as session:
        return {row.delivery_id: row.kind for row in session.scalars(sa.select(Hit))}


@pytest.mark.parametrize(
    ("kind", "minutes", "expected"),
    [
        ("human", 0, "confirmed"),
        ("unknown", 29, "confirmed"),
        ("human", -1, "human"),
        ("human", 31, "human"),
        ("scanner", 5, "scanner"),
        ("prefetch", 5, "prefetch"),
        ("test", 5, "test"),
    ],
)
def test_what_a_visit_confirms(crm: Crm, kind: str, minutes: float, expected: str) -> None:
    with crm.db.begin() as session:
        click(session, 1, kind)
        signal(session, 1, minutes)
        signal(session, 2, 1)  # somebody else
    confirm(crm)
    assert kinds(crm) == {1: expected}


def test_a_sign_in_confirms_too_and_the_measures_follow(crm: Crm) -> None:
    with crm.db.begin() as session:
        for number in (1, 2, 3):
            click(session, number, "unknown")
        session.execute(sa.insert(Person), [person(2, last_login_at=NOW)])
    assert jobs.burst(crm)
    assert kinds(crm) == {1: "unknown", 2: "confirmed", 3: "unknown"}
    with crm.db.read() as session:
        found = tally(session, 1)
    assert (found.hits, found.human_hits, found.people_clicked) == (3, 1, 1)
    assert not jobs.burst(crm), "once"


def test_a_confirmed_click_stays_so(crm: Crm) -> None:
    with crm.db.begin() as session:
        click(session, 1)
        signal(session, 1, 1)
    assert confirm(crm) == 1
    classify_again(crm, 1, "tester")
    assert kinds(crm) == {1: "confirmed"}
