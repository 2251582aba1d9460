"""How far exports and taggings of many people are, so that another worker can continue."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from crm_plugin.kernel.db import types as db

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("crm_export", "crm_tagging"):
        add_column(table, sa.Column("position", db.Id(), nullable=False, server_default="0"))
    add_column("crm_export", sa.Column("written", sa.BigInteger(), nullable=False, server_default="0"))


def add_column(table: str, column: "sa.Column[Any]") -> None:
    # MariaDB commits each change by itself: an upgrade that was killed here meets what it has done.
    there = {one["name"] for one in sa.inspect(op.get_bind()).get_columns(table)}
    if column.name not in there:
        op.add_column(table, column)
