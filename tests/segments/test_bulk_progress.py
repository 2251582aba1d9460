"""Exports and taggings of many people go on where they stood, and none holds up another."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.kernel import process
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.people import access
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments.bulk import bulk_jobs, bulk_tagging, exports
from crm_plugin.segments.bulk.exports import Wanted
from crm_plugin.segments.models import Asked, Export, Tagging
from tests.fakes.clock import FixedClock
from tests.fakes.crm import make_crm
from tests.fakes.host import FakeHost
from tests.segments.test_tagging import ANN, EVERYBODY

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)

PEOPLE, PORTION = 11, 4


@pytest.fixture
def crm(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Crm]:
    monkeypatch.setattr(exports, "PORTION", PORTION)
    monkeypatch.setattr(bulk_tagging, "PORTION", PORTION)
    monkeypatch.setattr(bulk_tagging, "AT_ONCE", 1)
    people = [r.Person(f"p{number:02}", display_name="N") for number in range(PEOPLE)]
    crm = make_crm(database, FakeHost(*people), instance=str(tmp_path))
    sync(crm, full=True)
    yield crm
    process._stop[0] = 0


def ask(crm: Crm, format: str = "csv") -> int:
    return exports.queue(crm, ANN, Wanted(EVERYBODY, ["host_id"], format))


def row_of(crm: Crm, ident: int, table: type[Asked] = Export) -> Any:
    with crm.db.read() as session:
        return session.get_one(table, ident)


def wait(crm: Crm) -> None:
    """Let so much time pass that a worker without a sign of life counts as dead."""
    assert isinstance(crm.clock, FixedClock)
    crm.clock.at += bulk_jobs.SILENT + timedelta(seconds=1)


def dies(patch: pytest.MonkeyPatch, after: int, error: type[BaseException] = KeyboardInterrupt) -> list[int]:
    """Let a worker die when it reads people for the next time after so many; return how many it read."""
    read: list[int] = []
    rows = access.rows

    def dying(*args: Any) -> Any:
        if len(read) == after:
            raise error
        read.append(len(args[3]))
        return rows(*args)

    patch.setattr(access, "rows", dying)
    return read


def killed(crm: Crm, monkeypatch: pytest.MonkeyPatch, after: int) -> list[int]:
    with monkeypatch.context() as patch:
        read = dies(patch, after)
        with pytest.raises(KeyboardInterrupt):
            exports.make_due(crm)
    wait(crm)
    return read


def lines(crm: Crm, ident: int) -> list[str]:
    text = exports.file_of(crm, ANN, ident).read_text(encoding="utf-8-sig")
    return text.splitlines()


WHOLE = ["ID", *(f"p{number:02}" for number in range(PEOPLE))]


def test_an_export_goes_on_after_what_a_killed_worker_has_written(
    crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    ident = ask(crm)
    assert killed(crm, monkeypatch, 1) == [4]
    assert (row_of(crm, ident).state, row_of(crm, ident).done) == ("running", 4)
    assert killed(crm, monkeypatch, 1) == [4]
    with monkeypatch.context() as patch:
        read = dies(patch, 9)
        assert exports.make_due(crm) == 1
    assert read == [3], "what was written is not read again"
    assert lines(crm, ident)[1:] == WHOLE[1:]
    assert len(list((crm.instance / "exports").iterdir())) == 1


def test_what_was_half_written_when_it_died_is_cut(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    ident = ask(crm)
    killed(crm, monkeypatch, 1)
    (part,) = (crm.instance / "exports").iterdir()
    with part.open("ab") as file:
        file.write(b"p04\r\np0")
    exports.make_due(crm)
    assert lines(crm, ident)[1:] == WHOLE[1:]


def test_on_another_machine_it_begins_again(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    ident = ask(crm)
    killed(crm, monkeypatch, 2)
    (part,) = (crm.instance / "exports").iterdir()
    part.unlink()
    exports.make_due(crm)
    assert lines(crm, ident)[1:] == WHOLE[1:]
    assert row_of(crm, ident).done == PEOPLE


def test_one_that_comes_on_may_die_often_one_that_does_not_is_given_up(
    crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "PORTION", 1)
    ident = ask(crm)
    for _ in range(bulk_jobs.TRIES + 2):
        assert len(killed(crm, monkeypatch, 1)) == 1
    for _ in range(bulk_jobs.TRIES - 1):
        killed(crm, monkeypatch, 0)
    assert exports.make_due(crm) == 0
    assert (row_of(crm, ident).state, row_of(crm, ident).problem) == ("failed", bulk_jobs.GAVE_UP)


def test_an_xlsx_file_that_kills_each_worker_is_given_up(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    """However far each of them came: it is only written whole."""
    ident = ask(crm, "xlsx")
    for _ in range(bulk_jobs.TRIES):
        killed(crm, monkeypatch, 2)
    assert exports.make_due(crm) == 0
    assert row_of(crm, ident).state == "failed"
    assert list((crm.instance / "exports").iterdir()) == []


def stops_at_work(patch: pytest.MonkeyPatch) -> None:
    """Ask the worker to stop once it has taken something."""
    asked = chain([False], repeat(True))
    patch.setattr(bulk_jobs, "stopping", lambda: next(asked))


@pytest.mark.parametrize("format", ["csv", "xlsx"])
def test_a_worker_that_is_to_stop_puts_it_back(
    crm: Crm, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    """However often that is: it costs none of its tries."""
    ident = ask(crm, format)
    for _ in range(bulk_jobs.TRIES + 1):
        with monkeypatch.context() as patch:
            stops_at_work(patch)
            exports.make_due(crm)
        if row_of(crm, ident).state != "done":
            assert (row_of(crm, ident).state, row_of(crm, ident).tries) == ("waiting", 0)
    exports.make_due(crm)
    assert row_of(crm, ident).state == "done"


def test_a_tagging_that_is_to_stop_goes_on_later(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    ident = bulk_tagging.request(crm, ANN, EVERYBODY, "fair", put=True)
    assert isinstance(ident, int)
    with monkeypatch.context() as patch:
        stops_at_work(patch)
        bulk_tagging.tag_due(crm)
    found = row_of(crm, ident, Tagging)
    assert (found.state, found.done, found.tries) == ("waiting", PORTION, 0)
    bulk_tagging.tag_due(crm)
    found = row_of(crm, ident, Tagging)
    assert (found.state, found.changed) == ("done", PEOPLE)


def test_a_process_that_stops_takes_nothing_more(crm: Crm) -> None:
    ident = ask(crm)
    process.request_stop()
    assert exports.make_due(crm) == 0
    assert row_of(crm, ident).state == "waiting"


def test_after_its_turn_a_long_one_comes_behind_those_that_wait(
    crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = crm.clock
    assert isinstance(clock, FixedClock)
    monkeypatch.setattr(bulk_jobs, "TURN", 0.0)
    idents = [ask(crm), ask(crm)]
    done = []
    for _ in range(4):
        clock.at += timedelta(seconds=1)
        exports.make_due(crm)
        done.append([row_of(crm, ident).done for ident in idents])
    assert done[:3] == [[4, 0], [4, 4], [8, 4]]
    while exports.make_due(crm):
        clock.at += timedelta(seconds=1)
    assert [lines(crm, ident)[1:] for ident in idents] == [WHOLE[1:]] * 2
    with crm.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).where(Export.state != "done")) == 0


def test_one_alone_needs_no_turn(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_jobs, "TURN", 0.0)
    ident = ask(crm)
    assert exports.make_due(crm) == 1
    assert row_of(crm, ident).state == "done"
