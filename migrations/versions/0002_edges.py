"""What carriers and people said, refusals all alike, events that wait, texts that are compared whole."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from crm_plugin.kernel.db import types as db

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


WHOLE = {
    "crm_person": (
        "display_name_folded",
        "real_name_folded",
        "username_folded",
        "email_folded",
        "phone_folded",
        "city_folded",
        "company_folded",
    ),
    "crm_course": ("title_folded",),
    "crm_enrolment": ("end_reason_folded",),
}
NOT_NULL = ("display_name_folded", "title_folded")


def upgrade() -> None:
    _replies()
    add_column("crm_delivery", sa.Column("words", db.Key(255), nullable=True))
    add_column("crm_bounce", sa.Column("words", db.Key(255), nullable=True))
    add_column("crm_campaign", sa.Column("last_words", db.Key(255), nullable=True))
    add_column("crm_campaign", sa.Column("refused_alike", db.Key(64), nullable=True))
    add_column("crm_campaign", sa.Column("refused_in_row", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "crm_host_event",
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("stream", db.Key(32), nullable=False),
        sa.Column("ids", db.Json(), nullable=False),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_host_event")),
    )
    add_column("crm_daily_run", sa.Column("tries", sa.Integer(), nullable=False, server_default="0"))
    add_column("crm_daily_run", sa.Column("error", db.Text(), nullable=True))
    for table in ("crm_export", "crm_tagging"):
        add_column(table, sa.Column("tries", sa.Integer(), nullable=False, server_default="0"))
    for table, columns in WHOLE.items():
        widen(table, columns)
    add_column("crm_person_attribute", sa.Column("whole", db.Folded(), nullable=True))


def widen(table: str, columns: tuple[str, ...]) -> None:
    """Let columns of folded text hold any length; SQLite does under any type."""
    connection = op.get_bind()
    kind = db.Folded().compile(connection.dialect)
    if connection.dialect.name == "postgresql":
        # The same bytes under another name: no row is written.
        changes = [f"ALTER COLUMN {name} TYPE {kind}" for name in columns]
    elif connection.dialect.name in ("mysql", "mariadb"):
        # One statement, so that the table is copied once.
        nulls = {name: "NOT NULL" if name in NOT_NULL else "NULL" for name in columns}
        changes = [f"MODIFY {name} {kind} {nulls[name]}" for name in columns]
    else:
        return
    op.execute(f"ALTER TABLE {table} {', '.join(changes)}")


def add_column(table: str, column: "sa.Column[Any]") -> None:
    """Add a column, unless a migration that was killed has done it already: MariaDB commits each step."""
    there = {one["name"] for one in sa.inspect(op.get_bind()).get_columns(table)}
    if column.name not in there:
        op.add_column(table, column)


def _replies() -> None:
    op.create_table(
        "crm_reply",
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("event_key", db.Key(64), nullable=False),
        sa.Column("person_id", db.Id(), nullable=False),
        sa.Column("channel", db.Key(16), nullable=False),
        sa.Column("carrier", db.Key(32), nullable=False),
        sa.Column("address_key", db.Key(255), nullable=False),
        sa.Column("wish", db.Key(8), nullable=False),
        sa.Column("text", db.Text(), nullable=False),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.Column("delivery_id", db.Id(), nullable=True),
        sa.Column("staff", db.Key(191), nullable=True),
        sa.Column("done_at", db.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_reply")),
        sa.UniqueConstraint("event_key", "person_id", name=op.f("uq_crm_reply_event_key_person_id")),
    )
    op.create_index("ix_crm_reply_person", "crm_reply", ["person_id", "at"], unique=False)
    op.create_index("ix_crm_reply_staff", "crm_reply", ["staff", "done_at"], unique=False)
    op.create_index("ix_crm_reply_delivery", "crm_reply", ["delivery_id"], unique=False)
