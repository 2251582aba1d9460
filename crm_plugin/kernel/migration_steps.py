"""Steps of a migration that do nothing when they are done already.

MariaDB commits each step by itself, so an upgrade that was killed meets what it has done.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op


def create_table(name: str, *columns: "sa.Column[Any]", checks: tuple[sa.Constraint, ...] = ()) -> None:
    """Create a table with its constraints."""
    if not sa.inspect(op.get_bind()).has_table(name):
        op.create_table(name, *columns, *checks)


def add_column(table: str, column: "sa.Column[Any]") -> None:
    """Add a column to a table."""
    there = {one["name"] for one in sa.inspect(op.get_bind()).get_columns(table)}
    if column.name not in there:
        op.add_column(table, column)


def create_index(name: str, table: str, columns: list[str]) -> None:
    """Create an index of a table."""
    there = {one["name"] for one in sa.inspect(op.get_bind()).get_indexes(table)}
    if name not in there:
        op.create_index(name, table, columns)
