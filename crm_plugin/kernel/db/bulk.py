"""Many rows and many keys at once, each database in its fastest way that keeps its rules.

Measured with pages of 5,000: a list of keys as one parameter is read five times as fast as a parameter for
each, and PostgreSQL takes rows by COPY four times as fast as by INSERT.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC
from itertools import repeat
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from crm_plugin.kernel.db.conditions import equals, is_in
from crm_plugin.kernel.db.faults import soften
from crm_plugin.kernel.db.types import Base, Id, Money, UtcDateTime
from crm_plugin.kernel.db.writes import upsert

FEW = 50
"""Up to so many rows an ordinary statement is as good."""

Row = dict[str, Any]
T = TypeVar("T")

CHUNK = 5_000
"""Ids named in one statement."""


def chunks(items: Collection[T], size: int = CHUNK) -> Iterator[list[T]]:
    """Cut a collection into lists of at most ``size``."""
    ordered = list(items)
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


def among(session: Session, column: Any, values: Collection[Any]) -> sa.ColumnElement[bool]:
    """Return the condition that a column of text or of ids is one of many values.

    Use it in one statement of this session: it is written for its database.
    """
    dialect = session.get_bind().dialect.name
    found = list(values)
    if dialect == "postgresql":
        item = "BIGINT" if isinstance(column.type, Id | sa.Integer) else "TEXT"
        return equals(column, sa.any_(sa.literal(found, _Listed(item))))
    if dialect == "sqlite":
        each = sa.func.json_each(json.dumps(found)).table_valued("value")
        return is_in(column, sa.select(each.c.value))
    return is_in(column, found)


class _Listed(sa.types.UserDefinedType[Any]):
    """An array of texts or numbers as one parameter, written by us: the driver makes it item by item."""

    cache_ok = True
    render_bind_cast = True

    def __init__(self, item: str) -> None:
        self.item = item

    def get_col_spec(self, **_: Any) -> str:
        return f"{self.item}[]"

    def bind_processor(self, dialect: sa.Dialect) -> Any:
        return _array


def _array(values: Sequence[Any]) -> str:
    """Return PostgreSQL's text of an array."""
    if not values or not isinstance(values[0], str):
        return "{" + ",".join(map(str, values)) + "}"
    whole = '","'.join(values)
    if "\\" in whole or whole.count('"') != 2 * (len(values) - 1):
        whole = '","'.join(value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return f'{{"{whole}"}}'


def insert_many(session: Session, model: Any, rows: Sequence[Row]) -> None:
    """Insert rows that all name the same columns; defaults that are plain values are filled in."""
    if not rows:
        return
    dialect = session.get_bind().dialect.name
    if len(rows) <= FEW or dialect not in _WAYS:
        session.execute(sa.insert(model.__table__), list(rows))
        return
    _WAYS[dialect](session, model.__table__, rows)


def insert_new(session: Session, model: type[Base], rows: Sequence[Row], key: Sequence[str]) -> None:
    """Insert rows whose ``key`` was not there a moment ago; if another was faster, overwrite its rows."""
    dialect = session.get_bind().dialect.name
    if len(rows) <= FEW or dialect not in _WAYS:
        upsert(session, model, rows, key)
        return
    try:
        with session.begin_nested():
            insert_many(session, model, rows)
    except unique_violations():
        upsert(session, model, rows, key)


def overwrite(session: Session, model: type[Base], rows: Sequence[Row], key: Sequence[str]) -> None:
    """Do what ``upsert`` does; on PostgreSQL many rows come by COPY beside the table and over it at once."""
    if len(rows) <= FEW or session.get_bind().dialect.name != "postgresql":
        upsert(session, model, rows, key)
        return
    table: Any = model.__table__
    written = [*rows[0], *_constants(table, rows[0])]
    beside = sa.table(f"{table.name}_beside", *(sa.column(name) for name in written))
    names = ", ".join(f'"{column.name}"' for column in beside.columns)
    # Without the rules of the table itself: its ids are given at the end.
    empty = f"SELECT {names} FROM {table.name} WITH NO DATA"  # noqa: S608 - names of our own columns
    session.execute(sa.text(f"CREATE TEMPORARY TABLE {beside.name} ON COMMIT DROP AS {empty}"))
    _copy(session, table, rows, beside.name)
    insert = postgresql.insert(table).from_select([*beside.columns.keys()], sa.select(beside))
    given = {name: insert.excluded[name] for name in rows[0] if name not in key}
    session.execute(insert.on_conflict_do_update(index_elements=list(key), set_=given))
    session.execute(sa.text(f"DROP TABLE {beside.name}"))


def unique_violations() -> tuple[type[Exception], ...]:
    """Return what a key that is there already raises: COPY goes past SQLAlchemy, which would translate it."""
    try:
        from psycopg.errors import UniqueViolation
    except ImportError:
        return (sa.exc.IntegrityError,)
    return (sa.exc.IntegrityError, UniqueViolation)


def _copy(session: Session, table: sa.Table, rows: Sequence[Row], into: str = "") -> None:
    names, values = _values(session, table, rows)
    driver: Any = session.connection().connection.driver_connection
    quoted = ", ".join(f'"{name}"' for name in names)
    try:
        with (
            driver.cursor() as cursor,
            cursor.copy(f"COPY {into or table.name} ({quoted}) FROM STDIN") as copy,
        ):
            write = copy.write_row
            for row in values:
                write(row)
    except Exception as error:
        soften(error)  # it quotes the row
        raise


def _execute_many(session: Session, table: sa.Table, rows: Sequence[Row]) -> None:
    names, values = _values(session, table, rows)
    dialect = session.get_bind().dialect
    quoted = ", ".join(map(dialect.identifier_preparer.quote, names))
    marks = ", ".join(["?" if dialect.paramstyle == "qmark" else "%s"] * len(names))
    statement = f"INSERT INTO {table.name} ({quoted}) VALUES ({marks})"  # noqa: S608 - names of our own columns
    session.connection().exec_driver_sql(statement, list(values))


_WAYS = {
    "postgresql": _copy,
    "sqlite": _execute_many,
    "mysql": _execute_many,
    "mariadb": _execute_many,
}


def _values(session: Session, table: sa.Table, rows: Sequence[Row]) -> tuple[list[str], Iterator[Any]]:
    """Return the names of all columns to write, and the rows' values as the driver takes them.

    Converted column by column: a function call for each value costs more than COPY itself.
    """
    given, constants = list(rows[0]), _constants(table, rows[0])
    dialect = session.get_bind().dialect
    columns: list[Iterable[Any]] = [[row[name] for row in rows] for name in given]
    for place, name in enumerate(given):
        columns[place] = _converted(table.c[name].type, dialect, columns[place])
    for name, value in constants.items():
        (constant,) = _converted(table.c[name].type, dialect, [value])
        columns.append(repeat(constant, len(rows)))
    return [*given, *constants], zip(*columns, strict=True)


def _constants(table: sa.Table, row: Row) -> Row:
    """Return the plain defaults of those columns that the rows leave out."""
    return {
        column.name: column.default.arg  # type: ignore[attr-defined]
        for column in table.columns
        if column.name not in row and column.default is not None and column.default.is_scalar
    }


def _converted(kind: Any, dialect: sa.Dialect, values: Iterable[Any]) -> Iterable[Any]:
    """Return the values of a column in the form that the database driver takes."""
    convert = kind.dialect_impl(dialect).bind_processor(dialect)
    if convert is None:
        return values
    if isinstance(kind, Money):
        # Prices repeat, and decimal numbers are slow.
        known = {value: None if value is None else convert(value) for value in set(values)}
        return [known[value] for value in values]
    if isinstance(kind, UtcDateTime) and dialect.name == "postgresql" and _are_utc(values):
        return values
    return [None if value is None else convert(value) for value in values]


def _are_utc(values: Iterable[Any]) -> bool:
    return all(value is None or value.tzinfo is UTC for value in values)
