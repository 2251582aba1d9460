"""Connections to a school's database: nothing can be written, and a slow statement is cut."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.host.readonly import read_only_engine
from crm_plugin.host.sql import Source, SqlHost
from crm_plugin.kernel.errors import Unavailable

META = sa.MetaData()
USER = sa.Table("u", META, sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False))


@pytest.fixture
def school_url(db_url: str) -> Iterator[str]:
    engine = sa.create_engine(db_url)
    META.create_all(engine)
    with engine.begin() as connection:
        connection.execute(USER.insert(), [{"id": number} for number in range(300)])
    yield db_url
    engine.dispose()


def test_reading_works_and_writing_does_not(school_url: str) -> None:
    engine = read_only_engine(school_url)
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(USER)) == 300
    for attempt in range(2):
        with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError, match=r"(?i)read.?only"):
            connection.execute(USER.insert().values(id=1000 + attempt))
    engine.dispose()


def test_an_address_that_is_none_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        read_only_engine("postgresql+nodriver://x/y")


class Slow(SqlHost):
    """Needs 10 ms for each row."""

    @staticmethod
    def _build(connection: sa.Connection, rows: Sequence[Any]) -> list[r.Record]:
        return [r.Person(str(row.id)) for row in rows]

    sources = {"persons": (Source(sa.select(USER, sa.func.pg_sleep(0.01)), USER.c.id, _build),)}


@pytest.mark.parametrize("db_kind", ["postgresql"], indirect=True)
def test_a_page_that_takes_too_long_is_halved_twice(school_url: str) -> None:
    with closing(Slow(read_only_engine(school_url, seconds=1))) as host:
        page = host.host_scan("persons", None, 200)
        assert [row.id for row in page.rows] == [str(number) for number in range(50)]
        following = host.host_scan("persons", page.next, 50)
        assert following.rows[0].id == "50"
        assert host.host_estimate("persons") is None
