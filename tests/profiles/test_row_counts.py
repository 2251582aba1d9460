"""How many rows are held: counted by rounds, never for a page, and not all the time where they are many."""

import pytest
import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.profiles.sync import row_counts
from crm_plugin.profiles.sync.service import sync
from tests.fakes.host import FakeHost
from tests.profiles.conftest import MakeCrm, clock_of, health


def people(crm: Crm) -> int | None:
    return health(crm, "persons").rows


def test_few_rows_are_counted_by_each_round_that_changed_some(make_crm: MakeCrm) -> None:
    host = FakeHost(r.Person("p0"))
    crm = make_crm(host)
    assert people(crm) == 0
    for number in (1, 2):
        host.put(r.Person(f"p{number}"))
        sync(crm)
        assert people(crm) == number + 1


def test_many_rows_are_counted_now_and_then(make_crm: MakeCrm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_counts, "MANY", 1)
    host = FakeHost(r.Person("p0"))
    crm = make_crm(host)
    sync(crm)
    seen = []
    for number, minutes in enumerate((0, 4, 1, 1), 1):
        clock_of(crm).move(minutes=minutes)
        host.put(r.Person(f"p{number}"))
        sync(crm)
        seen.append(people(crm))
    assert seen == [1, 1, 4, 4]
    clock_of(crm).move(minutes=61)
    sync(crm)
    assert people(crm) == 5, "an hour is too long even where nothing changed"


def test_a_page_counts_none_of_the_large_tables(make_crm: MakeCrm) -> None:
    crm = make_crm(FakeHost(r.Person("p0")))
    sync(crm)
    asked: list[str] = []
    note = lambda *event: asked.append(event[2])  # noqa: E731 - (connection, cursor, statement, …)
    sa.event.listen(crm.db.engine, "before_cursor_execute", note)
    try:
        assert people(crm) == 1
    finally:
        sa.event.remove(crm.db.engine, "before_cursor_execute", note)
    assert asked
    assert not [text for text in asked if "crm_person" in text or "crm_signal" in text]
