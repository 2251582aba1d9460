"""A base class for hosts whose school is an SQL database: declare tables, get all the stream hooks.

Rows are read by keyset (``key > last ORDER BY key``): a scan resumes at any page and holds no long
transaction. Changes are read by (time, key), beginning ``overlap`` seconds before the newest change
seen, because a transaction that commits late carries an earlier time.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.host.hookspecs import hookimpl
from crm_plugin.kernel.clock import Clock, system_clock

OVERLAP = 120
"""Seconds before the newest change that are read again."""

Builder = Callable[[sa.Connection, Sequence[Any]], list[r.Record]]
"""Turns the rows of one page into records; related rows are one query a page, never one a row."""


@dataclass(frozen=True)
class Source:
    """Rows of one table in a stream; a stream may have several, scanned one after the other.

    :param select: the rows, a ``sqlalchemy.Select`` without order or limit; it contains ``key``.
    :param key: whole number, unique and growing, by which the rows are read.
    :param build: makes records whose ``id`` is ``prefix`` + key.
    :param prefix: separates the ids of this source from those of the stream's other sources.
    """

    select: Any
    key: sa.ColumnElement[int]
    build: Builder
    prefix: str = ""


@dataclass(frozen=True)
class Trace:
    """A table in which a change of a stream's row leaves a time.

    :param at: column with the time of the change, in whole seconds since 1970.
    :param key: unique whole number of the table, orders changes of the same second.
    :param owner: what ``prefix`` + value makes the id of the row that changed.
    """

    at: sa.ColumnElement[int]
    key: sa.ColumnElement[int]
    owner: sa.ColumnElement[int]
    prefix: str = ""
    where: sa.ColumnElement[bool] | None = None


Position = list[int]
"""How far a trace was read: [seconds, key]. A key of -1 = from that second's beginning."""

_START: Position = [-1, -1]
_TIMEOUTS = ("57014", 1969, 3024)
"""A statement that was cut at its time limit: PostgreSQL's code, MariaDB's, MySQL's."""


class SqlHost:
    """Answers the stream hooks from ``sources`` and ``traces`` (stream → tables), which a subclass sets.

    A stream without traces has no marks: it is kept right by reconcile scans alone. A traced change is
    read again by its id, so that a row that is gone comes as a ``Delete``.

    :param engine: see :func:`crm_plugin.host.readonly.read_only_engine`.
    :param overlap: seconds before the newest change that each round of changes reads again.
    """

    sources: Mapping[str, Sequence[Source]]
    traces: Mapping[str, Sequence[Trace]] = {}

    def __init__(self, engine: sa.Engine, *, clock: Clock = system_clock, overlap: int = OVERLAP) -> None:
        self.engine = engine
        self.clock = clock
        self.overlap = overlap

    def close(self) -> None:
        """Close all connections to the school's database."""
        self.engine.dispose()

    def sources_of(self, stream: str) -> Sequence[Source]:
        """Return the sources of a stream; a subclass leaves out tables that a school does not have."""
        return self.sources[stream]

    def traces_of(self, stream: str) -> Sequence[Trace]:
        """Return the traces of a stream, for the same sources."""
        return self.traces.get(stream, ())

    @hookimpl
    def host_scan(self, stream: str, after: str | None, limit: int) -> r.ScanPage:
        """Return a page of the stream's sources; ``after`` is "number of the source:key"."""
        number, last = (int(part) for part in (after or "0:-1").split(":"))
        sources = self.sources_of(stream)
        source = sources[number]
        with self.engine.connect() as connection:
            found, full = _limited(connection, _behind(source, last), limit)
            rows = source.build(connection, found) if found else []
        if full:
            return r.ScanPage(rows, f"{number}:{found[-1]._mapping[source.key]}")
        return r.ScanPage(rows, f"{number + 1}:-1" if number + 1 < len(sources) else None)

    @hookimpl
    def host_fetch(self, stream: str, ids: list[str]) -> r.FetchPage:
        """Return the named rows of all sources."""
        with self.engine.connect() as connection:
            rows = self._fetch(connection, stream, ids)
        found = {row.id for row in rows}
        return r.FetchPage(rows, [id for id in ids if id not in found])

    @hookimpl
    def host_mark(self, stream: str) -> str | None:
        """Return the place of the newest change in each trace, less the overlap."""
        traces = self.traces_of(stream)
        with self.engine.connect() as connection:
            positions = [self._rewound(_newest(connection, trace)) for trace in traces]
        return json.dumps(positions) if positions else None

    @hookimpl
    def host_changes(self, stream: str, mark: str, limit: int) -> r.ChangePage:
        """Return the rows whose traces are behind the mark."""
        traces, positions, ids, more = self.traces_of(stream), _positions(mark), [], False
        if len(positions) != len(traces):
            raise r.MarkExpired("the mark is of another version of this adapter")
        with self.engine.connect() as connection:
            for number, trace in enumerate(traces):
                part = max(1, limit // len(traces))
                found, full = _limited(connection, _since(trace, positions[number]), part)
                if found:
                    positions[number] = [found[-1][0], found[-1][1]]
                more = more or full
                ids += [trace.prefix + str(row[2]) for row in found]
            changes = self._changes(connection, stream, list(dict.fromkeys(ids)))
        # Rewinding between the pages of a round could read the same overlap for ever.
        following = positions if more else [self._rewound(position) for position in positions]
        return r.ChangePage(changes, json.dumps(following), more)

    @hookimpl
    def host_estimate(self, stream: str) -> int | None:
        """Count the rows of the stream's sources; None when counting takes too long."""
        try:
            with self.engine.connect() as connection:
                counts = [connection.scalar(_count(source)) or 0 for source in self.sources_of(stream)]
        except sa.exc.DBAPIError as error:
            if _timed_out(error):
                return None
            raise
        return sum(counts)

    def _fetch(self, connection: sa.Connection, stream: str, ids: Sequence[str]) -> list[r.Record]:
        records: list[r.Record] = []
        for source, keys in _by_source(self.sources_of(stream), ids):
            found = connection.execute(source.select.where(source.key.in_(keys))).all()
            records += source.build(connection, found) if found else []
        return records

    def _changes(
        self, connection: sa.Connection, stream: str, ids: Sequence[str]
    ) -> list[r.Upsert | r.Delete | r.Touch]:
        rows = {row.id: row for row in self._fetch(connection, stream, ids)}
        return [r.Upsert(rows[id]) if id in rows else r.Delete(id) for id in ids]

    def _rewound(self, position: Position) -> Position:
        """Return where the next round begins, so that late commits and the same second are read again.

        A school that was quiet for longer than the overlap has no late commits left: only the newest
        second is read again. A time in the future (a wrong clock) must not hide what comes after.
        """
        at, key = position
        now = int(self.clock().timestamp())
        if key == -1 and at <= now:
            return position
        quiet = now - at > self.overlap
        return [at if quiet else max(min(at, now) - self.overlap, -1), -1]


def _count(source: Source) -> Any:
    return sa.select(sa.func.count()).select_from(source.select.subquery())


def _behind(source: Source, last: int) -> Any:
    return source.select.where(source.key > last).order_by(source.key)


def _since(trace: Trace, position: Position) -> Any:
    at, key = position
    # The first half alone decides which part of an index is read; databases do not see it in the OR.
    behind = sa.and_(trace.at >= at, sa.or_(trace.at > at, trace.key > key))
    statement = sa.select(trace.at, trace.key, trace.owner).where(behind).order_by(trace.at, trace.key)
    return statement if trace.where is None else statement.where(trace.where)


def _newest(connection: sa.Connection, trace: Trace) -> Position:
    statement = sa.select(sa.func.max(trace.at))
    newest = connection.scalar(statement if trace.where is None else statement.where(trace.where))
    return _START if newest is None else [int(newest), 0]


def _positions(mark: str) -> list[Position]:
    return [[int(at), int(key)] for at, key in json.loads(mark)]


def _limited(connection: sa.Connection, statement: Any, limit: int) -> tuple[Sequence[Any], bool]:
    """Run a statement for ``limit`` rows; where the database cuts it at its time limit, for fewer."""
    for size in (limit, max(1, limit // 2)):
        try:
            rows = connection.execute(statement.limit(size)).all()
            return rows, len(rows) == size
        except sa.exc.DBAPIError as error:
            if not _timed_out(error):
                raise
            connection.rollback()
    rows = connection.execute(statement.limit(max(1, limit // 4))).all()
    return rows, len(rows) == max(1, limit // 4)


def _timed_out(error: sa.exc.DBAPIError) -> bool:
    args: tuple[Any, ...] = getattr(error.orig, "args", ())
    return getattr(error.orig, "sqlstate", None) in _TIMEOUTS or (bool(args) and args[0] in _TIMEOUTS)


def _by_source(sources: Sequence[Source], ids: Sequence[str]) -> list[tuple[Source, list[int]]]:
    keys: dict[int, list[int]] = {}
    for id in ids:
        for number, source in enumerate(sources):
            rest = id.removeprefix(source.prefix)
            # Other spellings of a number ("007", "١") are no ids of ours: they would come back as another;
            # what may pass 64 bits is none either, and databases refuse it with an error.
            whole = len(rest) < 19 and rest.isdecimal() and str(int(rest)) == rest
            if whole and id.startswith(source.prefix):
                keys.setdefault(number, []).append(int(rest))
                break
    return [(sources[number], found) for number, found in keys.items()]
