"""Conditions on columns of an alias, whose type the checker does not know."""

from typing import Any

import sqlalchemy as sa


def is_in(column: Any, values: Any) -> sa.ColumnElement[bool]:
    """Return that a column is one of some values, or of what a select finds."""
    found: sa.ColumnElement[bool] = column.in_(values)
    return found


def is_not_in(column: Any, values: Any) -> sa.ColumnElement[bool]:
    """Return that a column is none of some values, nor of what a select finds."""
    found: sa.ColumnElement[bool] = column.not_in(values)
    return found


def equals(column: Any, value: Any) -> sa.ColumnElement[bool]:
    """Return that a column has a value, or that of an expression."""
    found: sa.ColumnElement[bool] = column == value
    return found
