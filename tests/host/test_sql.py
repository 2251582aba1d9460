"""SqlHost: pages, ids, marks and late commits, on a small school of two tables."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.host.sql import Source, SqlHost, Trace
from tests.fakes.clock import FixedClock

NOW = 1_800_000_000
META = sa.MetaData()
USER = sa.Table("u", META, *(sa.Column(n, sa.BigInteger, primary_key=n == "id") for n in ("id", "changed")))
GUEST = sa.Table("g", META, sa.Column("id", sa.BigInteger, primary_key=True))
NOTE = sa.Table(
    "n", META, *(sa.Column(n, sa.BigInteger, primary_key=n == "id") for n in ("id", "at", "user"))
)


def _build(prefix: str) -> Any:
    def build(connection: sa.Connection, rows: Sequence[Any]) -> list[r.Record]:
        return [r.Person(f"{prefix}{row.id}") for row in rows]

    return build


class School(SqlHost):
    sources = {
        "persons": (
            Source(sa.select(USER), USER.c.id, _build("")),
            Source(sa.select(GUEST), GUEST.c.id, _build("guest:"), "guest:"),
        )
    }
    traces = {
        "persons": (
            Trace(USER.c.changed, USER.c.id, USER.c.id),
            Trace(NOTE.c.at, NOTE.c.id, NOTE.c.user),
        )
    }


@pytest.fixture
def school(db_url: str) -> Iterator[School]:
    engine = sa.create_engine(db_url)
    META.create_all(engine)
    with engine.begin() as connection:
        connection.execute(USER.insert(), [{"id": n, "changed": NOW - 1000 + n} for n in range(1, 8)])
        connection.execute(GUEST.insert(), [{"id": n} for n in (1, 5)])
    yield School(engine, clock=FixedClock(datetime.fromtimestamp(NOW, UTC)))
    META.drop_all(engine)
    engine.dispose()


def _do(school: School, statement: Any) -> None:
    with school.engine.begin() as connection:
        connection.execute(statement)


def _user(id: int, changed: int) -> Any:
    return USER.insert().values(id=id, changed=changed)


def _all(school: School, limit: int) -> list[str]:
    ids, after = [], None
    while True:
        page = school.host_scan("persons", after, limit)
        assert len(page.rows) <= limit
        ids += [row.id for row in page.rows]
        if page.next is None:
            return ids
        after = page.next


def _follow(school: School, mark: str, limit: int = 100) -> tuple[list[Any], str]:
    changes: list[Any] = []
    for _ in range(50):
        page = school.host_changes("persons", mark, limit)
        changes += page.changes
        mark = page.next_mark
        if not page.more:
            return changes, mark
    raise AssertionError("the changes never end")


def _ids(changes: list[Any]) -> set[str]:
    return {change.row.id if isinstance(change, r.Upsert) else f"-{change.id}" for change in changes}


@pytest.mark.parametrize("limit", [1, 2, 7, 1000])
def test_a_scan_is_the_union_of_its_pages(school: School, limit: int) -> None:
    assert _all(school, limit) == ["1", "2", "3", "4", "5", "6", "7", "guest:1", "guest:5"]
    assert school.host_estimate("persons") == 9


def test_fetch_finds_ids_in_their_own_spelling_only(school: School) -> None:
    page = school.host_fetch("persons", ["2", "guest:5", "guest:2", "02", "x", "-1", ""])
    assert {row.id for row in page.rows} == {"2", "guest:5"}
    assert page.missing == ["guest:2", "02", "x", "-1", ""]


def test_changes_after_a_mark_come_once_each_and_gone_rows_as_deletes(school: School) -> None:
    mark = school.host_mark("persons")
    assert mark is not None
    _do(school, _user(20, NOW - 5))
    _do(school, NOTE.insert().values(id=1, at=NOW - 4, user=3))
    _do(school, NOTE.insert().values(id=2, at=NOW - 4, user=99))
    changes, mark = _follow(school, mark)
    assert _ids(changes) >= {"20", "3", "-99"}
    _do(school, _user(21, NOW - 1))
    assert "21" in _ids(_follow(school, mark)[0])


def test_a_late_commit_with_an_earlier_time_is_seen(school: School) -> None:
    _do(school, _user(20, NOW - 10))
    mark = school.host_mark("persons")
    assert mark is not None
    _do(school, _user(21, NOW - 100))
    changes, mark = _follow(school, mark)
    assert "21" in _ids(changes)
    _do(school, _user(22, NOW - 90))
    assert "22" in _ids(_follow(school, mark)[0])


def test_a_second_change_in_the_same_second_is_seen(school: School) -> None:
    _do(school, _user(30, NOW - 500))
    mark = school.host_mark("persons")
    assert mark is not None
    _, mark = _follow(school, mark)
    _do(school, _user(29, NOW - 500))
    assert "29" in _ids(_follow(school, mark)[0])


def test_a_time_in_the_future_hides_nothing(school: School) -> None:
    _do(school, _user(40, NOW + 10_000_000))
    mark = school.host_mark("persons")
    assert mark is not None
    _, mark = _follow(school, mark)
    _do(school, _user(41, NOW - 1))
    assert "41" in _ids(_follow(school, mark)[0])


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_small_pages_reach_the_end(school: School, limit: int) -> None:
    mark = school.host_mark("persons")
    assert mark is not None
    for number in range(50, 60):
        _do(school, _user(number, NOW - 3))
        _do(school, NOTE.insert().values(id=number, at=NOW - number, user=number))
    changes, _ = _follow(school, mark, limit)
    assert _ids(changes) >= {str(number) for number in range(50, 60)}


def test_an_empty_school_has_a_mark(school: School) -> None:
    _do(school, USER.delete())
    mark = school.host_mark("persons")
    assert mark is not None
    _do(school, _user(1, NOW))
    assert _ids(_follow(school, mark)[0]) == {"1"}


def test_a_mark_of_other_traces_is_expired(school: School) -> None:
    with pytest.raises(r.MarkExpired):
        school.host_changes("persons", "[[1, -1]]", 10)
