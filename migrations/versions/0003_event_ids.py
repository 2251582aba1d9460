"""On SQLite the number of an event of the school is never used again, as on the other databases."""

import sqlalchemy as sa
from alembic import op

from crm_plugin.kernel.db import types as db

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # One process forgets events by number while another one stores new ones: of a table that had become
    # empty SQLite gave their numbers away again, and an event was forgotten that nobody had read.
    if op.get_bind().dialect.name != "sqlite":
        return
    op.rename_table("crm_host_event", "crm_host_event_before")
    op.create_table(
        "crm_host_event",
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("stream", db.Key(32), nullable=False),
        sa.Column("ids", db.Json(), nullable=False),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_host_event")),
        sqlite_autoincrement=True,
    )
    op.execute("INSERT INTO crm_host_event SELECT id, stream, ids, at FROM crm_host_event_before")
    op.drop_table("crm_host_event_before")
