"""Figures of courses and classes, which courses were touched, and what was handed over by day."""

import sqlalchemy as sa
from alembic import op

from crm_plugin.kernel.db import types as db
from crm_plugin.kernel.migration_steps import add_column, create_index, create_table

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_PEOPLE = ("potential", "pending", "upcoming", "learners", "left", "expired", "closed_unpaid", "finished")


def upgrade() -> None:
    create_table(
        "crm_touched_course",
        sa.Column("id", db.Id(), primary_key=True),
        sa.Column("root_id", db.Id(), nullable=False),
    )
    create_index("ix_crm_touched_course_root_id", "crm_touched_course", ["root_id"])
    create_table(
        "crm_course_figures",
        sa.Column("root_id", db.Id(), primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in _PEOPLE),
        sa.Column("trend", db.Json(), nullable=False),
        sa.Column("price", db.Money(), nullable=True),
        sa.Column("currency", db.Key(3), nullable=True),
        sa.Column("as_of", db.UtcDateTime(), nullable=False),
        sa.Column("next_change", db.UtcDateTime(), nullable=True),
    )
    create_table(
        "crm_course_money",
        sa.Column("root_id", db.Id(), primary_key=True, autoincrement=False),
        sa.Column("currency", db.Key(3), primary_key=True),
        sa.Column("revenue", db.Money(), nullable=False),
        sa.Column("refunded", db.Money(), nullable=False),
        sa.Column("orders", sa.Integer(), nullable=False),
        sa.Column("offsite_revenue", db.Money(), nullable=False),
        sa.Column("offsite_orders", sa.Integer(), nullable=False),
        sa.Column("at_risk", db.Money(), nullable=False),
    )
    _touch_all()
    _sent_days()


def _touch_all() -> None:
    """Let figures be computed of what an installation holds already."""
    course, touched = (sa.table(name, sa.column("root_id")) for name in ("crm_course", "crm_touched_course"))
    roots = sa.select(course.c.root_id).where(course.c.root_id > 0).distinct()
    op.execute(touched.insert().from_select(["root_id"], roots))


def _sent_days() -> None:
    """What campaigns handed over on each day, and the billed parts of an SMS."""
    add_column("crm_delivery", sa.Column("parts", sa.Integer()))
    create_table(
        "crm_sent_day",
        sa.Column("campaign_id", db.Id(), primary_key=True, autoincrement=False),
        sa.Column("day", sa.Date(), primary_key=True),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("messages", "received")),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("parts", "measured")),
    )
    create_index("ix_crm_sent_day_day", "crm_sent_day", ["day", "campaign_id"])
