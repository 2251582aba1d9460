"""Automations, the people in them, and campaigns that repeat."""

import sqlalchemy as sa
from alembic import op

from crm_plugin.kernel.db import types as db
from crm_plugin.kernel.migration_steps import add_column, create_index, create_table

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _automations()
    _members()
    add_column("crm_campaign", sa.Column("step", sa.Integer(), nullable=True))
    create_index("ix_crm_campaign_parent", "crm_campaign", ["parent_id", "kind"])
    _recurring()


def _automations() -> None:
    create_table(
        "crm_automation",
        sa.Column("id", db.Id(), primary_key=True),
        sa.Column("name", db.Key(), nullable=False),
        sa.Column("state", db.Key(16), nullable=False),
        sa.Column("document", db.Json(), nullable=False),
        sa.Column("searches", db.Json(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("scope", db.Json(), nullable=True),
        sa.Column("contacts", sa.Boolean(), nullable=False),
        sa.Column("created_by", db.Key(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.Column("updated_at", db.UtcDateTime(), nullable=False),
        sa.Column("started_at", db.UtcDateTime(), nullable=True),
        sa.Column("since", db.UtcDateTime(), nullable=True),
        sa.Column("next_look_at", db.UtcDateTime(), nullable=True),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("ended_at", db.UtcDateTime(), nullable=True),
        sa.Column("removed_at", db.UtcDateTime(), nullable=True),
    )


def _members() -> None:
    create_table(
        "crm_automation_member",
        sa.Column("id", db.Id(), primary_key=True),
        sa.Column("automation_id", db.Id(), nullable=False),
        sa.Column("person_id", db.Id(), nullable=False),
        sa.Column("cause", db.Key(64), nullable=False),
        sa.Column("chase", db.Key(64), nullable=True),
        sa.Column("root_id", db.Id(), nullable=False),
        sa.Column("row_id", db.Id(), nullable=False),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.Column("entered_at", db.UtcDateTime(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("due_at", db.UtcDateTime(), nullable=False),
        sa.Column("state", db.Key(16), nullable=False),
        sa.Column("reason", db.Key(32), nullable=True),
        checks=(
            sa.UniqueConstraint(
                "automation_id",
                "person_id",
                "cause",
                name=op.f("uq_crm_automation_member_automation_id_person_id_cause"),
            ),
            sa.UniqueConstraint("chase", "person_id", name=op.f("uq_crm_automation_member_chase_person_id")),
        ),
    )
    due = ["automation_id", "state", "due_at"]
    create_index("ix_crm_automation_member_due", "crm_automation_member", due)
    create_index("ix_crm_automation_member_person", "crm_automation_member", ["person_id"])
    create_table(
        "crm_automation_inside",
        sa.Column("automation_id", db.Id(), primary_key=True, autoincrement=False),
        sa.Column("person_id", db.Id(), primary_key=True, autoincrement=False),
        sa.Column("root_id", db.Id(), primary_key=True, autoincrement=False),
        sa.Column("look", sa.Integer(), nullable=False),
    )
    create_index("ix_crm_automation_inside_person", "crm_automation_inside", ["person_id"])


def _recurring() -> None:
    create_table(
        "crm_recurrence",
        sa.Column("campaign_id", db.Id(), primary_key=True, autoincrement=False),
        sa.Column("state", db.Key(8), nullable=False),
        sa.Column("reason", db.Key(64), nullable=True),
        sa.Column("every", db.Key(8), nullable=False),
        sa.Column("days", db.Json(), nullable=False),
        sa.Column("clock", db.Key(5), nullable=False),
        sa.Column("zone", db.Key(64), nullable=False),
        sa.Column("next_at", db.UtcDateTime(), nullable=True),
        sa.Column("changed_by", db.Key(), nullable=False),
        sa.Column("changed_at", db.UtcDateTime(), nullable=False),
    )
    create_table(
        "crm_recurrence_period",
        sa.Column("campaign_id", db.Id(), primary_key=True, autoincrement=False),
        sa.Column("day", db.Key(10), primary_key=True),
        sa.Column("due_at", db.UtcDateTime(), nullable=False),
        sa.Column("child_id", db.Id(), nullable=True),
        sa.Column("reason", db.Key(64), nullable=True),
        sa.Column("missed", sa.Integer(), nullable=False),
    )
