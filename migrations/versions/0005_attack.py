"""Sessions of crm serve, history of follow-ups, a searchable audit log, failed items, who sees contacts."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from crm_plugin.kernel.db import types as db

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_table(
        "crm_session",
        sa.Column("key", db.Key(64), primary_key=True),
        sa.Column("login", db.Key(64), nullable=False),
        sa.Column("started_at", db.UtcDateTime(), nullable=False),
        sa.Column("seen_at", db.UtcDateTime(), nullable=False),
    )
    create_index("ix_crm_session_login", "crm_session", ["login"])
    create_table(
        "crm_follow_up_change",
        sa.Column("id", db.Id(), primary_key=True),
        sa.Column("follow_up_id", db.Id(), nullable=False),
        sa.Column("person_id", db.Id(), nullable=False),
        sa.Column("kind", db.Key(16), nullable=False),
        sa.Column("text", db.Text(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.Column("author", db.Key(), nullable=False),
        sa.Column("author_name", db.Text(), nullable=False),
    )
    create_index("ix_crm_follow_up_change_person", "crm_follow_up_change", ["person_id", "follow_up_id"])
    add_column("crm_audit", sa.Column("person_id", db.Id(), nullable=True))
    for column in ("person_id", "actor", "action"):
        create_index(f"ix_crm_audit_{column}", "crm_audit", [column, "id"])
    create_index("ix_crm_audit_object", "crm_audit", ["object_kind", "object_id", "id"])
    for table in ("crm_campaign", "crm_query"):
        add_column(table, sa.Column("contacts", sa.Boolean(), server_default=sa.true(), nullable=False))
    _name_the_person()
    create_table(
        "crm_failed_item",
        sa.Column("job", db.Key(64), primary_key=True),
        sa.Column("item", db.Key(), primary_key=True),
        sa.Column("reason", db.Key(64), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.Column("retry_at", db.UtcDateTime(), nullable=False),
    )


def _name_the_person() -> None:
    audit = sa.table("crm_audit", sa.column("person_id"), sa.column("object_kind"), sa.column("object_id"))
    number = sa.cast(audit.c.object_id, sa.BigInteger)
    op.execute(audit.update().where(audit.c.object_kind == "person").values(person_id=number))


# MariaDB commits each step by itself: an upgrade that was killed here meets what it has done.


def create_table(name: str, *columns: "sa.Column[Any]") -> None:
    if not sa.inspect(op.get_bind()).has_table(name):
        op.create_table(name, *columns)


def add_column(table: str, column: "sa.Column[Any]") -> None:
    there = {one["name"] for one in sa.inspect(op.get_bind()).get_columns(table)}
    if column.name not in there:
        op.add_column(table, column)


def create_index(name: str, table: str, columns: list[str]) -> None:
    there = {one["name"] for one in sa.inspect(op.get_bind()).get_indexes(table)}
    if name not in there:
        op.create_index(name, table, columns)
