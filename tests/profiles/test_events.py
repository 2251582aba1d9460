"""Events of the school: read whatever else reads their stream, each once, and none is lost."""

from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.profiles.facts import compute
from crm_plugin.profiles.models import school as m
from crm_plugin.profiles.models.streams import HostEventRow
from crm_plugin.profiles.sync import changes, full_scan, stored_events
from crm_plugin.profiles.sync.events import Sink, hand_over, read_events
from crm_plugin.profiles.sync.service import let_scan, sync
from tests.fakes.host import FakeHost
from tests.profiles.conftest import MakeCrm, count
from tests.profiles.test_archive import school

MANY = 12
PRICE = (Decimal(5), "CNY")


def emit(crm: Crm, stream: str, *ids: str) -> None:
    """Let the school report rows; a web machine has handed it over."""
    Sink(crm).emit(r.HostEvent(stream, list(ids)))
    assert hand_over(crm)


def crowd() -> FakeHost:
    host = school()
    host.put(*(r.Person(f"q{number:02}", display_name="Before") for number in range(MANY)), silent=True)
    return host


class Reporter:
    """Lets the school rename somebody and report it while it is asked for a page."""

    def __init__(self, crm: Crm, host: FakeHost, hook: str, call: int) -> None:
        self.crm, self.host, self.left = crm, host, call
        self.answer = getattr(host, f"_{hook}")
        setattr(host, f"_{hook}", self)

    def __call__(self, stream: str, *arguments: Any) -> Any:
        page = self.answer(stream, *arguments)
        self.left -= stream == "persons"
        if self.left == 0 and stream == "persons":
            self.host.put(r.Person("q00", display_name="After"), silent=True)
            emit(self.crm, "persons", "q00")
        return page


@pytest.mark.parametrize(("hook", "module"), [("scan", full_scan), ("changes", changes)])
def test_a_long_read_of_a_stream_reads_its_events_between_two_pages(
    make_crm: MakeCrm, monkeypatch: pytest.MonkeyPatch, hook: str, module: Any
) -> None:
    host = crowd()
    crm = make_crm(host)
    sync(crm)
    monkeypatch.setattr(module, "PAGE", 2)
    if hook == "scan":
        let_scan(crm, ["persons"])
    else:
        host.put(*(r.Person(f"q{number:02}", display_name="Changed") for number in range(1, MANY)))
    Reporter(crm, host, hook, call=3)
    host.calls.clear()
    sync(crm)
    calls = [name for name, arguments in host.calls if arguments and arguments[0] == "persons"]
    assert calls.index("host_fetch") < calls.index(f"host_{hook}") + 6
    assert calls[calls.index("host_fetch") :].count(f"host_{hook}") >= 2, "long before its end"
    assert count(crm, m.Person, m.Person.display_name == "After") == 1
    assert count(crm, HostEventRow) == 0


def test_an_event_is_done_when_the_facts_are_whoever_wrote_the_row(
    make_crm: MakeCrm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round of changes brings the row first; its facts come at the end of that round only."""
    host = school()
    crm = make_crm(host)
    sync(crm)
    host.put(r.Order("late", "bob", "paid", *PRICE))
    with monkeypatch.context() as context:
        context.setattr(compute, "recompute", lambda *_: 0)
        sync(crm)
    emit(crm, "orders", "late")
    before = _paid(crm)
    assert read_events(crm) == 1
    assert _paid(crm) == before + 1


def _paid(crm: Crm) -> int:
    with crm.db.read() as session:
        return session.scalars(sa.select(m.Person.paid_count).where(m.Person.host_id == "bob")).one()


def test_an_event_is_forgotten_by_a_number_that_no_other_ever_gets(make_crm: MakeCrm) -> None:
    """Two processes read one event; a new one comes when the first of them has forgotten it."""
    host = school()
    crm = make_crm(host)
    sync(crm)
    emit(crm, "persons", "bob")
    (slow,) = stored_events._waiting(crm)
    assert read_events(crm) == 1
    host.put(r.Person("ada", display_name="Renamed"), silent=True)
    emit(crm, "persons", "ada")
    stored_events._forget(crm, [slow.id])
    assert read_events(crm) == 1
    assert count(crm, m.Person, m.Person.display_name == "Renamed") == 1
