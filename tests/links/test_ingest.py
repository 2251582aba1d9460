"""From the spool to the three measures: nothing lost, nothing twice, the same number everywhere."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from unittest.mock import patch

import pytest
import sqlalchemy as sa

from crm_plugin.host.context import Crm
from crm_plugin.kernel import spool
from crm_plugin.links import ingest
from crm_plugin.links import measures as counting
from crm_plugin.links.ingest import classify_again, classify_new, drain_clicks
from crm_plugin.links.jobs import burst
from crm_plugin.links.models import Hit
from crm_plugin.links.redirect import Redirector
from tests.fakes.crm import NOW
from tests.links.conftest import Sent
from tests.links.people import who

PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1"
)


def visit(redirector: Redirector, code: str, agent: str = PHONE, method: str = "GET") -> None:
    redirector.answer(code, method, {"user-agent": agent}, "192.0.2.7")


def measures(crm: Crm, campaign: int = 1) -> tuple[int, int, int]:
    with crm.db.read() as session:
        found = counting.tally(session, campaign)
    return found.hits, found.human_hits, found.people_clicked


def later(crm: Crm, **delta: float) -> None:
    crm.clock.move(**delta)  # type: ignore[attr-defined]


def test_the_three_measures_and_who(crm: Crm, sent: Sent) -> None:
    (link,) = sent.links("https://a.example/")
    redirector = Redirector(crm)
    later(crm, minutes=10)
    ann, ann_again, bob = (
        sent.code(link, 1, person=11),
        sent.code(link, 2, person=11),
        sent.code(link, 3, person=12),
    )
    for code in (ann, ann, ann_again, bob):
        visit(redirector, code)
    visit(redirector, bob, method="HEAD")
    visit(redirector, sent.code(link, 4, person=13), agent="python-requests/2")
    visit(redirector, sent.code(link, 5), agent=PHONE)
    assert burst(crm)
    assert not burst(crm)
    assert measures(crm) == (7, 4, 2)
    assert measures(crm, campaign=2) == (0, 0, 0)
    with crm.db.read() as session:
        assert who(session, 1) == {11: 3, 12: 1}
        clicked = session.scalars(counting.clicked_deliveries()).all()
    assert set(clicked) == {1, 2, 3}


def test_three_hundred_pupils_behind_one_address_are_three_hundred(crm: Crm, sent: Sent) -> None:
    (link,) = sent.links("https://a.example/")
    redirector = Redirector(crm)
    later(crm, minutes=1)
    for pupil in range(1, 301):
        visit(redirector, sent.code(link, pupil, person=pupil))
    burst(crm)
    assert measures(crm) == (300, 300, 300)


def test_later_evidence_changes_an_earlier_judgement(crm: Crm, sent: Sent) -> None:
    links = sent.links("https://a.example/", "https://b.example/", "https://c.example/")
    redirector = Redirector(crm)
    later(crm, minutes=5)
    visit(redirector, sent.code(links[0], 1, person=11))
    burst(crm)
    assert measures(crm) == (1, 1, 1)
    for link in links[1:]:
        later(crm, seconds=0.5)
        visit(redirector, sent.code(link, 1))
    burst(crm)
    assert measures(crm) == (3, 0, 0)


def test_the_judgement_can_be_made_again(crm: Crm, sent: Sent) -> None:
    (link,) = sent.links("https://a.example/")
    redirector = Redirector(crm)
    visit(redirector, sent.code(link, 1, person=11, at=NOW - timedelta(seconds=2)))
    burst(crm)
    assert measures(crm) == (1, 0, 0)
    sent.facts[1] = (NOW - timedelta(hours=1), 11)
    assert classify_again(crm, 1, "tester") == 1
    assert measures(crm) == (1, 1, 1)
    assert classify_again(crm, 1, "tester") == 1
    assert measures(crm) == (1, 1, 1)


def test_a_batch_that_comes_twice_is_inserted_once(crm: Crm, sent: Sent) -> None:
    (link,) = sent.links("https://a.example/")
    redirector = Redirector(crm)
    later(crm, minutes=1)
    for person in range(1, 6):
        visit(redirector, sent.code(link, person, person=person))
    # The process dies after the insert and before the place is noted.
    with patch.object(spool, "_note", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        drain_clicks(crm)
    burst(crm)
    assert measures(crm) == (5, 5, 5)


def test_links_for_nobody_count_hits_and_no_people(crm: Crm, sent: Sent) -> None:
    (link,) = sent.links("https://a.example/")
    redirector = Redirector(crm)
    for _ in range(3):
        visit(redirector, sent.code(link, 0))
    burst(crm)
    assert measures(crm) == (3, 3, 0)


def test_tests_count_as_nothing(crm: Crm, sent: Sent) -> None:
    (link,) = sent.links("https://a.example/")
    redirector = Redirector(crm)
    later(crm, minutes=1)
    visit(redirector, sent.code(link, 1, person=11))
    visit(redirector, sent.code(link, 2, person=12))
    drain_clicks(crm)
    with crm.db.begin() as session:
        session.execute(sa.update(Hit).where(Hit.delivery_id == 2).values(kind="test"))
    burst(crm)
    assert measures(crm) == (1, 1, 1)


def test_lines_that_are_torn_or_forged_do_not_stop_the_others(crm: Crm, sent: Sent) -> None:
    (link,) = sent.links("https://a.example/")
    later(crm, minutes=1)
    file = spool.Spool(crm.instance / "clicks", "clicks")
    file.append(b"[torn")
    file.append(b'["forged",1731672000,"GET","","",{}]')
    redirector = Redirector(crm)
    visit(redirector, sent.code(link, 1, person=11))
    burst(crm)
    assert measures(crm) == (1, 1, 1)


CLICKER = """
import os, sys
from crm_plugin.kernel.db.engine import connect
from crm_plugin.links.redirect import Redirector
from tests.fakes.crm import make_crm
crm = make_crm(connect(sys.argv[1]), instance=sys.argv[2])
redirector = Redirector(crm)
for code in sys.argv[3:]:
    redirector.answer(code, "GET", {"user-agent": "Mozilla/5.0 (iPhone) Mobile Safari"}, "192.0.2.7")
print("done", flush=True)
os.read(0, 1)
"""


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_clicks_survive_the_death_of_the_process_that_took_them(crm: Crm, sent: Sent) -> None:
    (link,) = sent.links("https://a.example/")
    codes = [sent.code(link, row, person=row, at=NOW - timedelta(hours=1)) for row in range(1, 4)]
    url = str(crm.db.engine.url)
    words = [sys.executable, "-c", CLICKER, url, str(crm.instance), *codes]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as clicker:
        assert clicker.stdout is not None
        assert clicker.stdout.readline() == b"done\n"
        os.kill(clicker.pid, signal.SIGKILL)
    burst(crm)
    assert measures(crm) == (3, 3, 3)
    assert not list((crm.instance / "clicks").glob("*.spool")), "the orphan was adopted and removed"


def test_batches_end(crm: Crm, sent: Sent) -> None:
    (link,) = sent.links("https://a.example/")
    redirector = Redirector(crm)
    later(crm, minutes=1)
    for row in range(1, 8):
        visit(redirector, sent.code(link, row, person=row))
    with patch.object(ingest, "BATCH", 3):
        drain_clicks(crm)
        assert [classify_new(crm) for _ in range(4)] == [3, 3, 1, 0]
    assert measures(crm) == (7, 7, 7)
