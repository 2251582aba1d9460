"""Conditions over a list of rows whose SQL is the same for every list of that length.

The sending loop asks the same few questions about twenty rows at a time. Built once, a statement costs a
third of one that is built, or expanded, for each list. PostgreSQL takes the list as one array: there the
SQL is the same for any length, and its driver keeps no statement with more than fifty parameters.
"""

from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.elements import Grouping

from crm_plugin.kernel.db.conditions import equals, is_in

_POSTGRESQL = "postgresql"


class _Numbers(sa.TypeDecorator[Any]):
    """An array of whole numbers, written by one join instead of number by number."""

    impl = postgresql.ARRAY(sa.BigInteger)
    cache_ok = True

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[Any], Any]:
        return lambda numbers: f"{{{','.join(map(str, numbers))}}}"


def size(dialect: str, rows: int) -> int:
    """Return what a statement about so many rows depends on."""
    return 0 if dialect == _POSTGRESQL else rows


def among(dialect: str, column: Any, count: int) -> sa.ColumnElement[bool]:
    """Return the condition that a column is one of ``count`` values, given by :func:`given`."""
    if dialect == _POSTGRESQL:
        kind = _Numbers() if isinstance(column.type, sa.Integer) else postgresql.ARRAY(column.type)
        return equals(column, sa.any_(sa.bindparam("ids", type_=kind)))
    return is_in(column, _numbers("id", column, count))


def belonging(dialect: str, ids: Any, column: Any, name: str, count: int) -> sa.ColumnElement[Any]:
    """Return the value of a second list that belongs to the id of a row."""
    if dialect == _POSTGRESQL:
        place = sa.func.array_position(sa.bindparam("ids", type_=_Numbers()), ids, type_=sa.Integer())
        kind = _Numbers() if isinstance(column.type, sa.Integer) else postgresql.ARRAY(sa.Text())
        # In brackets of its own: the cast that the driver needs would otherwise take the place for its own.
        return Grouping(sa.bindparam(f"{name}s", type_=kind))[place]
    pairs = zip(_numbers("id", ids, count), _numbers(name, column, count), strict=True)
    return sa.case(*((ids == id, value) for id, value in pairs))


def given(dialect: str, values: Iterable[Any], name: str = "id") -> dict[str, Any]:
    """Return the values of such a list of parameters."""
    if dialect == _POSTGRESQL:
        return {f"{name}s": list(values)}
    return {f"{name}_{number}": value for number, value in enumerate(values)}


def _numbers(name: str, column: Any, count: int) -> list[sa.BindParameter[Any]]:
    return [sa.bindparam(f"{name}_{number}", type_=column.type) for number in range(count)]
