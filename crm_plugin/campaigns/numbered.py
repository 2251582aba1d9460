"""Conditions over a list of rows whose SQL is the same for every list of that length.

The sending loop asks the same few questions about twenty rows at a time. Built once for a length, a
statement costs a third of one that is built, or expanded, for each list anew.
"""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa


def among(column: Any, count: int, name: str = "id") -> sa.ColumnElement[bool]:
    """Return the condition that a column is one of ``count`` values, given by :func:`given`."""
    return column.in_(parameters(column, count, name))  # type: ignore[no-any-return]


def parameters(column: Any, count: int, name: str) -> list[sa.BindParameter[Any]]:
    """Return as many parameters of a column's type."""
    return [sa.bindparam(f"{name}_{number}", type_=column.type) for number in range(count)]


def given(values: Iterable[Any], name: str = "id") -> dict[str, Any]:
    """Return the values of such parameters."""
    return {f"{name}_{number}": value for number, value in enumerate(values)}
