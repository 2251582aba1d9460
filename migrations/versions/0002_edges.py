"""What carriers said in their own words, refusals that are all alike, and events that wait to be read."""

import sqlalchemy as sa
from alembic import op

from crm_plugin.kernel.db import types as db

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("crm_delivery", sa.Column("words", db.Key(255), nullable=True))
    op.add_column("crm_bounce", sa.Column("words", db.Key(255), nullable=True))
    op.add_column("crm_campaign", sa.Column("last_words", db.Key(255), nullable=True))
    op.add_column("crm_campaign", sa.Column("refused_alike", db.Key(64), nullable=True))
    op.add_column(
        "crm_campaign", sa.Column("refused_in_row", sa.Integer(), nullable=False, server_default="0")
    )
    op.create_table(
        "crm_host_event",
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("stream", db.Key(32), nullable=False),
        sa.Column("ids", db.Json(), nullable=False),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_host_event")),
    )
