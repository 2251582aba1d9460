"""What carriers said in their own words, and refusals that are all alike."""

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
