"""The first tables."""

import sqlalchemy as sa
from alembic import op

from crm_plugin.kernel.db import types as db

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "crm_account",
        sa.Column("login", db.Key(64), nullable=False),
        sa.Column("display_name", db.Text(), nullable=False),
        sa.Column("password_hash", db.Text(), nullable=False),
        sa.Column("permissions", db.Json(), nullable=False),
        sa.Column("scope", db.Json(), nullable=True),
        sa.Column("locale", db.Key(16), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", db.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("login", name=op.f("pk_crm_account")),
    )
    op.create_table(
        "crm_audit",
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.Column("actor", db.Key(191), nullable=False),
        sa.Column("action", db.Key(64), nullable=False),
        sa.Column("object_kind", db.Key(32), nullable=False),
        sa.Column("object_id", db.Key(191), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=True),
        sa.Column("details", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_audit")),
    )
    op.create_index(op.f("ix_crm_audit_at"), "crm_audit", ["at"], unique=False)
    op.create_table(
        "crm_bounce",
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("event_key", db.Key(128), nullable=False),
        sa.Column("address_key", db.Key(255), nullable=False),
        sa.Column("kind", db.Key(12), nullable=False),
        sa.Column("status", db.Key(16), nullable=False),
        sa.Column("source", db.Key(16), nullable=False),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.Column("delivery_id", db.Id(), nullable=True),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_bounce")),
        sa.UniqueConstraint("event_key", name=op.f("uq_crm_bounce_event_key")),
    )
    op.create_index("ix_crm_bounce_address", "crm_bounce", ["address_key", "kind"], unique=False)
    op.create_index("ix_crm_bounce_at", "crm_bounce", ["at", "kind"], unique=False)
    op.create_index("ix_crm_bounce_delivery", "crm_bounce", ["delivery_id"], unique=False)
    op.create_table(
        "crm_campaign",
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("name", db.Key(191), nullable=False),
        sa.Column("kind", db.Key(16), nullable=False),
        sa.Column("parent_id", db.Id(), nullable=True),
        sa.Column("channel", db.Key(16), nullable=False),
        sa.Column("purpose", db.Key(16), nullable=False),
        sa.Column("topic_id", db.Id(), nullable=True),
        sa.Column("state", db.Key(16), nullable=False),
        sa.Column("reason", db.Key(64), nullable=True),
        sa.Column("audience", db.Json(), nullable=False),
        sa.Column("searches", db.Json(), nullable=True),
        sa.Column("content", db.Json(), nullable=False),
        sa.Column("policy", db.Json(), nullable=False),
        sa.Column("holdout", sa.Double(), nullable=False),
        sa.Column("planned_at", db.UtcDateTime(), nullable=True),
        sa.Column("zone", db.Key(64), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("writer", db.Key(64), nullable=True),
        sa.Column("removed_at", db.UtcDateTime(), nullable=True),
        sa.Column("scope", db.Json(), nullable=True),
        sa.Column("created_by", db.Key(191), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.Column("updated_at", db.UtcDateTime(), nullable=False),
        sa.Column("launched_by", db.Key(191), nullable=True),
        sa.Column("launched_at", db.UtcDateTime(), nullable=True),
        sa.Column("as_of", db.UtcDateTime(), nullable=True),
        sa.Column("finished_at", db.UtcDateTime(), nullable=True),
        sa.Column("confirmed_at", db.UtcDateTime(), nullable=True),
        sa.Column("failed_in_row", sa.Integer(), nullable=False),
        sa.Column("lately_answered", sa.Integer(), nullable=False),
        sa.Column("lately_failed", sa.Integer(), nullable=False),
        sa.Column("freeze_step", db.Key(16), nullable=True),
        sa.Column("freeze_after", db.Id(), nullable=False),
        sa.Column("freeze_token", db.Key(36), nullable=True),
        sa.Column("freeze_lease_until", db.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_campaign")),
    )
    op.create_index(op.f("ix_crm_campaign_state"), "crm_campaign", ["state"], unique=False)
    op.create_table(
        "crm_click_tally",
        sa.Column("campaign_id", db.Id(), autoincrement=False, nullable=False),
        sa.Column("hits", sa.Integer(), nullable=False),
        sa.Column("human_hits", sa.Integer(), nullable=False),
        sa.Column("people_clicked", sa.Integer(), nullable=False),
        sa.Column("counted_at", db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_crm_click_tally")),
    )
    op.create_table(
        "crm_consent",
        sa.Column("person_id", db.Id(), autoincrement=False, nullable=False),
        sa.Column("channel", db.Key(16), nullable=False),
        sa.Column("state", db.Key(8), nullable=False),
        sa.Column("origin", db.Key(8), nullable=False),
        sa.Column("at", db.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("person_id", "channel", name=op.f("pk_crm_consent")),
    )
    op.create_index("ix_crm_consent_state", "crm_consent", ["channel", "state", "person_id"], unique=False)
    op.create_table(
        "crm_consent_record",
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("person_id", db.Id(), nullable=False),
        sa.Column("channel", db.Key(16), nullable=False),
        sa.Column("purpose", db.Key(16), nullable=False),
        sa.Column("state", db.Key(8), nullable=False),
        sa.Column("origin", db.Key(8), nullable=False),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.Column("source", db.Text(), nullable=False),
        sa.Column("text_version", db.Key(32), nullable=False),
        sa.Column("to_push", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_consent_record")),
    )
    op.create_index(
        "ix_crm_consent_record_person", "crm_consent_record", ["person_id", "channel"], unique=False
    )
    op.create_index("ix_crm_consent_record_push", "crm_consent_record", ["to_push", "id"], unique=False)
    op.create_table(
        "crm_course",
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("host_id", db.Key(191), nullable=False),
        sa.Column("row_hash", db.Key(32), nullable=False),
        sa.Column("parent_host_id", db.Key(191), nullable=True),
        sa.Column("root_id", db.Id(), nullable=False),
        sa.Column("kind", db.Key(8), nullable=False),
        sa.Column("title", db.Text(), nullable=False),
        sa.Column("title_folded", db.Key(255), nullable=False),
        sa.Column("status", db.Key(16), nullable=False),
        sa.Column("starts_at", db.UtcDateTime(), nullable=True),
        sa.Column("ends_at", db.UtcDateTime(), nullable=True),
        sa.Column("price", db.Money(), nullable=True),
        sa.Column("currency", db.Key(3), nullable=True),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column("gone", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_course")),
        sa.UniqueConstraint("host_id", name=op.f("uq_crm_course_host_id")),
    )
    op.create_index(op.f("ix_crm_course_root_id"), "crm_course", ["root_id"], unique=False)
    op.create_table(
        "crm_course_label",
        sa.Column("course_id", db.Id(), nullable=False),
        sa.Column("kind", db.Key(8), nullable=False),
        sa.Column("folded", db.Key(191), nullable=False),
        sa.Column("value", db.Key(191), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("course_id", "kind", "folded", name=op.f("pk_crm_course_label")),
    )
    op.create_index(
        "ix_crm_course_label_value", "crm_course_label", ["kind", "folded", "course_id"], unique=False
    )
    op.create_table(
        "crm_course_link",
        sa.Column("course_id", db.Id(), nullable=False),
        sa.Column("kind", db.Key(8), nullable=False),
        sa.Column("host_id", db.Key(191), nullable=False),
        sa.PrimaryKeyConstraint("course_id", "kind", "host_id", name=op.f("pk_crm_course_link")),
    )
    op.create_table(
        "crm_daily_run",
        sa.Column("job", db.Key(64), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("token", db.Key(36), nullable=False),
        sa.Column("started_at", db.UtcDateTime(), nullable=False),
        sa.Column("finished_at", db.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("job", "business_date", name=op.f("pk_crm_daily_run")),
    )
    op.create_table(
        "crm_delivery",
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("campaign_id", db.Id(), nullable=False),
        sa.Column("person_id", db.Id(), nullable=False),
        sa.Column("channel", db.Key(16), nullable=False),
        sa.Column("address", db.Key(255), nullable=True),
        sa.Column("address_key", db.Key(255), nullable=True),
        sa.Column("variant", db.Key(8), nullable=True),
        sa.Column("state", db.Key(20), nullable=False),
        sa.Column("reason", db.Key(64), nullable=True),
        sa.Column("waits_until", db.UtcDateTime(), nullable=True),
        sa.Column("token", db.Key(36), nullable=True),
        sa.Column("lease_until", db.UtcDateTime(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("marketing", sa.Boolean(), nullable=False),
        sa.Column("carrier", db.Key(32), nullable=True),
        sa.Column("carrier_ref", db.Key(128), nullable=True),
        sa.Column("handed_at", db.UtcDateTime(), nullable=True),
        sa.Column("settled_at", db.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_delivery")),
        sa.UniqueConstraint(
            "campaign_id",
            "channel",
            "address_key",
            name=op.f("uq_crm_delivery_campaign_id_channel_address_key"),
        ),
        sa.UniqueConstraint("campaign_id", "person_id", name=op.f("uq_crm_delivery_campaign_id_person_id")),
    )
    op.create_index(
        "ix_crm_delivery_carrier",
        "crm_delivery",
        ["carrier", "carrier_ref"],
        unique=False,
        postgresql_where=sa.text("carrier_ref IS NOT NULL"),
        sqlite_where=sa.text("carrier_ref IS NOT NULL"),
    )
    op.create_index(
        "ix_crm_delivery_lease",
        "crm_delivery",
        ["state", "lease_until"],
        unique=False,
        postgresql_where=sa.text("lease_until IS NOT NULL"),
        sqlite_where=sa.text("lease_until IS NOT NULL"),
    )
    op.create_index(
        "ix_crm_delivery_person", "crm_delivery", ["person_id", "state", "handed_at"], unique=False
    )
    op.create_index("ix_crm_delivery_state", "crm_delivery", ["campaign_id", "state", "id"], unique=False)
    op.create_index(
        "ix_crm_delivery_token",
        "crm_delivery",
        ["token"],
        unique=False,
        postgresql_where=sa.text("token IS NOT NULL"),
        sqlite_where=sa.text("token IS NOT NULL"),
    )
    op.create_table(
        "crm_early_report",
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("carrier", db.Key(32), nullable=False),
        sa.Column("carrier_ref", db.Key(128), nullable=False),
        sa.Column("state", db.Key(20), nullable=False),
        sa.Column("reason", db.Text(), nullable=True),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_early_report")),
        sa.UniqueConstraint(
            "carrier", "carrier_ref", "state", name=op.f("uq_crm_early_report_carrier_carrier_ref_state")
        ),
    )
    op.create_table(
        "crm_enrolment",
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("host_id", db.Key(191), nullable=False),
        sa.Column("row_hash", db.Key(32), nullable=False),
        sa.Column("person_id", db.Id(), nullable=False),
        sa.Column("course_id", db.Id(), nullable=False),
        sa.Column("root_id", db.Id(), nullable=False),
        sa.Column("role", db.Key(16), nullable=False),
        sa.Column("source", db.Key(16), nullable=False),
        sa.Column("state", db.Key(16), nullable=False),
        sa.Column("enrolled_at", db.UtcDateTime(), nullable=True),
        sa.Column("starts_at", db.UtcDateTime(), nullable=True),
        sa.Column("expires_at", db.UtcDateTime(), nullable=True),
        sa.Column("ended_at", db.UtcDateTime(), nullable=True),
        sa.Column("end_kind", db.Key(16), nullable=True),
        sa.Column("end_reason", db.Text(), nullable=True),
        sa.Column("end_reason_folded", db.Key(255), nullable=True),
        sa.Column("order_host_id", db.Key(191), nullable=True),
        sa.Column("progress", sa.Double(), nullable=True),
        sa.Column("completed_at", db.UtcDateTime(), nullable=True),
        sa.Column("last_learned_at", db.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_enrolment")),
        sa.UniqueConstraint("host_id", name=op.f("uq_crm_enrolment_host_id")),
    )
    op.create_index("ix_crm_enrolment_expires", "crm_enrolment", ["expires_at", "person_id"], unique=False)
    op.create_index("ix_crm_enrolment_person", "crm_enrolment", ["person_id", "root_id"], unique=False)
    op.create_index(
        "ix_crm_enrolment_root",
        "crm_enrolment",
        ["root_id", "role", "state", "person_id", "course_id"],
        unique=False,
    )
    op.create_table(
        "crm_export",
        sa.Column("columns", db.Json(), nullable=False),
        sa.Column("heading", db.Json(), nullable=False),
        sa.Column("format", db.Key(8), nullable=False),
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("author", db.Key(191), nullable=False),
        sa.Column("permissions", db.Json(), nullable=False),
        sa.Column("scope", db.Json(), nullable=True),
        sa.Column("document", db.Json(), nullable=False),
        sa.Column("narrowing", db.Json(), nullable=True),
        sa.Column("state", db.Key(16), nullable=False),
        sa.Column("problem", db.Key(64), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("token", db.Key(36), nullable=False),
        sa.Column("beat_at", db.UtcDateTime(), nullable=True),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_export")),
    )
    op.create_index(op.f("ix_crm_export_author"), "crm_export", ["author"], unique=False)
    op.create_table(
        "crm_follow_up",
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("person_id", db.Id(), nullable=False),
        sa.Column("kind", db.Key(16), nullable=False),
        sa.Column("text", db.Text(), nullable=False),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("author", db.Key(191), nullable=False),
        sa.Column("author_name", db.Text(), nullable=False),
        sa.Column("changed_at", db.UtcDateTime(), nullable=True),
        sa.Column("done_at", db.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_follow_up")),
    )
    op.create_index("ix_crm_follow_up_due", "crm_follow_up", ["author", "due_on"], unique=False)
    op.create_index("ix_crm_follow_up_person", "crm_follow_up", ["person_id", "at"], unique=False)
    op.create_table(
        "crm_forgotten",
        sa.Column("id_hash", db.Key(64), nullable=False),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id_hash", name=op.f("pk_crm_forgotten")),
    )
    op.create_table(
        "crm_hit",
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("spool", db.Key(64), nullable=False),
        sa.Column("spool_offset", sa.BigInteger(), nullable=False),
        sa.Column("link_id", db.Id(), nullable=False),
        sa.Column("campaign_id", db.Id(), nullable=True),
        sa.Column("delivery_id", db.Id(), nullable=False),
        sa.Column("person_id", db.Id(), nullable=True),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.Column("method", db.Key(8), nullable=False),
        sa.Column("agent", db.Text(), nullable=False),
        sa.Column("network", db.Key(64), nullable=False),
        sa.Column("marks", db.Json(), nullable=False),
        sa.Column("kind", db.Key(12), nullable=False),
        sa.Column("reasons", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_hit")),
        sa.UniqueConstraint("spool", "spool_offset", name=op.f("uq_crm_hit_spool_spool_offset")),
    )
    op.create_index("ix_crm_hit_campaign", "crm_hit", ["campaign_id", "kind", "person_id"], unique=False)
    op.create_index("ix_crm_hit_delivery", "crm_hit", ["delivery_id", "kind"], unique=False)
    op.create_index("ix_crm_hit_new", "crm_hit", ["kind", "delivery_id"], unique=False)
    op.create_table(
        "crm_intention",
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("person_id", db.Id(), nullable=False),
        sa.Column("course_id", db.Id(), nullable=False),
        sa.Column("root_id", db.Id(), nullable=False),
        sa.Column("level", db.Key(8), nullable=False),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_intention")),
        sa.UniqueConstraint("person_id", "course_id", name=op.f("uq_crm_intention_person_id_course_id")),
    )
    op.create_index("ix_crm_intention_root", "crm_intention", ["root_id", "level", "person_id"], unique=False)
    op.create_table(
        "crm_intention_change",
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("person_id", db.Id(), nullable=False),
        sa.Column("course_id", db.Id(), nullable=False),
        sa.Column("level", db.Key(8), nullable=True),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.Column("author", db.Key(191), nullable=False),
        sa.Column("author_name", db.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_intention_change")),
    )
    op.create_index(
        "ix_crm_intention_change_person",
        "crm_intention_change",
        ["person_id", "course_id", "id"],
        unique=False,
    )
    op.create_table(
        "crm_interest",
        sa.Column("person_id", db.Id(), nullable=False),
        sa.Column("folded", db.Key(191), nullable=False),
        sa.Column("tag", db.Key(191), nullable=False),
        sa.Column("strength", sa.Double(), nullable=False),
        sa.Column("reasons", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "folded", name=op.f("pk_crm_interest")),
    )
    op.create_index("ix_crm_interest_tag", "crm_interest", ["folded", "person_id"], unique=False)
    op.create_table(
        "crm_kept",
        sa.Column("name", db.Key(64), nullable=False),
        sa.Column("value", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_crm_kept")),
    )
    op.create_table(
        "crm_link",
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("campaign_id", db.Id(), nullable=True),
        sa.Column("target", db.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_link")),
    )
    op.create_index(op.f("ix_crm_link_campaign_id"), "crm_link", ["campaign_id"], unique=False)
    op.create_table(
        "crm_link_key",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("secret", db.Key(64), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_link_key")),
    )
    op.create_table(
        "crm_order",
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("host_id", db.Key(191), nullable=False),
        sa.Column("row_hash", db.Key(32), nullable=False),
        sa.Column("person_id", db.Id(), nullable=True),
        sa.Column("state", db.Key(16), nullable=False),
        sa.Column("amount", db.Money(), nullable=False),
        sa.Column("currency", db.Key(3), nullable=False),
        sa.Column("refunded", db.Money(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), nullable=True),
        sa.Column("paid_at", db.UtcDateTime(), nullable=True),
        sa.Column("closes_at", db.UtcDateTime(), nullable=True),
        sa.Column("closed_at", db.UtcDateTime(), nullable=True),
        sa.Column("refund_requested", db.Money(), nullable=True),
        sa.Column("refunded_at", db.UtcDateTime(), nullable=True),
        sa.Column("refund_reason", db.Text(), nullable=True),
        sa.Column("source", db.Key(255), nullable=True),
        sa.Column("source_folded", db.Key(255), nullable=True),
        sa.Column("coupon", db.Key(255), nullable=True),
        sa.Column("coupon_folded", db.Key(255), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_order")),
        sa.UniqueConstraint("host_id", name=op.f("uq_crm_order_host_id")),
    )
    op.create_index("ix_crm_order_paid", "crm_order", ["paid_at", "state", "person_id"], unique=False)
    op.create_index("ix_crm_order_person", "crm_order", ["person_id", "state", "paid_at"], unique=False)
    op.create_table(
        "crm_order_line",
        sa.Column("order_id", db.Id(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("person_id", db.Id(), nullable=True),
        sa.Column("held_money", sa.Boolean(), nullable=False),
        sa.Column("kind", db.Key(16), nullable=False),
        sa.Column("item_host_id", db.Key(191), nullable=True),
        sa.Column("course_id", db.Id(), nullable=True),
        sa.Column("root_id", db.Id(), nullable=True),
        sa.Column("amount", db.Money(), nullable=False),
        sa.Column("refunded", db.Money(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", "position", name=op.f("pk_crm_order_line")),
    )
    op.create_index(
        "ix_crm_order_line_person", "crm_order_line", ["person_id", "root_id", "held_money"], unique=False
    )
    op.create_index(
        "ix_crm_order_line_root", "crm_order_line", ["root_id", "held_money", "person_id"], unique=False
    )
    op.create_table(
        "crm_outbox",
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("key", db.Key(64), nullable=False),
        sa.Column("campaign_id", db.Id(), nullable=True),
        sa.Column("channel", db.Key(16), nullable=False),
        sa.Column("person", db.Key(191), nullable=False),
        sa.Column("address", db.Text(), nullable=False),
        sa.Column("subject", db.Text(), nullable=True),
        sa.Column("text", db.Text(), nullable=False),
        sa.Column("html", db.Text(), nullable=True),
        sa.Column("links", db.Json(), nullable=False),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_outbox")),
        sa.UniqueConstraint("key", name=op.f("uq_crm_outbox_key")),
    )
    op.create_index(op.f("ix_crm_outbox_at"), "crm_outbox", ["at"], unique=False)
    op.create_index(op.f("ix_crm_outbox_campaign_id"), "crm_outbox", ["campaign_id"], unique=False)
    op.create_table(
        "crm_parked",
        sa.Column("stream", db.Key(32), nullable=False),
        sa.Column("host_id", db.Key(191), nullable=False),
        sa.Column("waits_for", db.Key(32), nullable=False),
        sa.Column("waits_for_id", db.Key(191), nullable=False),
        sa.Column("row", db.Json(), nullable=False),
        sa.Column("since", db.UtcDateTime(), nullable=False),
        sa.Column("asked", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "host_id", name=op.f("pk_crm_parked")),
    )
    op.create_index("ix_crm_parked_waits_for", "crm_parked", ["waits_for", "waits_for_id"], unique=False)
    op.create_table(
        "crm_person",
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("host_id", db.Key(191), nullable=False),
        sa.Column("row_hash", db.Key(32), nullable=False),
        sa.Column("status", db.Key(16), nullable=False),
        sa.Column("merged_into", db.Key(191), nullable=True),
        sa.Column("display_name", db.Text(), nullable=False),
        sa.Column("display_name_folded", db.Key(255), nullable=False),
        sa.Column("real_name", db.Text(), nullable=True),
        sa.Column("real_name_folded", db.Key(255), nullable=True),
        sa.Column("username", db.Text(), nullable=True),
        sa.Column("username_folded", db.Key(255), nullable=True),
        sa.Column("email", db.Text(), nullable=True),
        sa.Column("email_folded", db.Key(255), nullable=True),
        sa.Column("email_key", db.Key(255), nullable=True),
        sa.Column("email_verified", sa.Boolean(), nullable=True),
        sa.Column("email_stopped", sa.Boolean(), nullable=True),
        sa.Column("phone", db.Text(), nullable=True),
        sa.Column("phone_folded", db.Key(255), nullable=True),
        sa.Column("phone_key", db.Key(32), nullable=True),
        sa.Column("phone_verified", sa.Boolean(), nullable=True),
        sa.Column("gender", db.Key(255), nullable=True),
        sa.Column("gender_folded", db.Key(255), nullable=True),
        sa.Column("birthday", sa.Date(), nullable=True),
        sa.Column("locale", db.Key(255), nullable=True),
        sa.Column("locale_folded", db.Key(255), nullable=True),
        sa.Column("timezone", db.Key(64), nullable=True),
        sa.Column("country", db.Key(255), nullable=True),
        sa.Column("country_folded", db.Key(255), nullable=True),
        sa.Column("city", db.Text(), nullable=True),
        sa.Column("city_folded", db.Key(255), nullable=True),
        sa.Column("company", db.Text(), nullable=True),
        sa.Column("company_folded", db.Key(255), nullable=True),
        sa.Column("registered_at", db.UtcDateTime(), nullable=True),
        sa.Column("last_login_at", db.UtcDateTime(), nullable=True),
        sa.Column("host_active_at", db.UtcDateTime(), nullable=True),
        sa.Column("member_level", db.Key(255), nullable=True),
        sa.Column("member_level_folded", db.Key(255), nullable=True),
        sa.Column("member_rank", sa.Integer(), nullable=True),
        sa.Column("member_since", db.UtcDateTime(), nullable=True),
        sa.Column("member_until", db.UtcDateTime(), nullable=True),
        sa.Column("is_staff", sa.Boolean(), nullable=False),
        sa.Column("paid_count", sa.Integer(), nullable=False),
        sa.Column("paid_total", db.Money(), nullable=False),
        sa.Column("refunded_total", db.Money(), nullable=False),
        sa.Column("unpaid_count", sa.Integer(), nullable=False),
        sa.Column("first_paid_at", db.UtcDateTime(), nullable=True),
        sa.Column("last_paid_at", db.UtcDateTime(), nullable=True),
        sa.Column("last_active_at", db.UtcDateTime(), nullable=True),
        sa.Column("last_learned_at", db.UtcDateTime(), nullable=True),
        sa.Column("marketed_count", sa.Integer(), nullable=False),
        sa.Column("last_marketed_at", db.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_person")),
        sa.UniqueConstraint("host_id", name=op.f("uq_crm_person_host_id")),
    )
    op.create_index("ix_crm_person_email_key", "crm_person", ["email_key"], unique=False)
    op.create_index("ix_crm_person_last_active_at", "crm_person", ["last_active_at"], unique=False)
    op.create_index("ix_crm_person_phone_key", "crm_person", ["phone_key"], unique=False)
    op.create_index("ix_crm_person_registered_at", "crm_person", ["registered_at"], unique=False)
    op.create_table(
        "crm_person_attribute",
        sa.Column("person_id", db.Id(), nullable=False),
        sa.Column("name", db.Key(64), nullable=False),
        sa.Column("value", db.Text(), nullable=False),
        sa.Column("folded", db.Key(255), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "name", name=op.f("pk_crm_person_attribute")),
    )
    op.create_index(
        "ix_crm_person_attribute_value", "crm_person_attribute", ["name", "folded", "person_id"], unique=False
    )
    op.create_table(
        "crm_person_tag",
        sa.Column("person_id", db.Id(), nullable=False),
        sa.Column("kind", db.Key(8), nullable=False),
        sa.Column("folded", db.Key(191), nullable=False),
        sa.Column("value", db.Key(191), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "kind", "folded", name=op.f("pk_crm_person_tag")),
    )
    op.create_index(
        "ix_crm_person_tag_value", "crm_person_tag", ["kind", "folded", "person_id"], unique=False
    )
    op.create_table(
        "crm_quarantined",
        sa.Column("stream", db.Key(32), nullable=False),
        sa.Column("host_id", db.Key(191), nullable=False),
        sa.Column("reason", db.Text(), nullable=False),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "host_id", name=op.f("pk_crm_quarantined")),
    )
    op.create_table(
        "crm_query",
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("name", db.Key(191), nullable=False),
        sa.Column("tree", db.Json(), nullable=False),
        sa.Column("owner", db.Key(191), nullable=False),
        sa.Column("scope", db.Json(), nullable=True),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=True),
        sa.Column("counted_at", db.UtcDateTime(), nullable=True),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.Column("updated_at", db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_query")),
    )
    op.create_table(
        "crm_rate_window",
        sa.Column("name", db.Key(191), nullable=False),
        sa.Column("next_at", sa.Double(), nullable=False),
        sa.Column("log", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_crm_rate_window")),
    )
    op.create_table(
        "crm_seen",
        sa.Column("stream", db.Key(32), nullable=False),
        sa.Column("host_id", db.Key(191), nullable=False),
        sa.Column("scan_number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "host_id", name=op.f("pk_crm_seen")),
    )
    op.create_table(
        "crm_signal",
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("host_id", db.Key(191), nullable=False),
        sa.Column("row_hash", db.Key(32), nullable=False),
        sa.Column("person_id", db.Id(), nullable=False),
        sa.Column("kind", db.Key(16), nullable=False),
        sa.Column("course_id", db.Id(), nullable=True),
        sa.Column("root_id", db.Id(), nullable=True),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_signal")),
        sa.UniqueConstraint("host_id", name=op.f("uq_crm_signal_host_id")),
    )
    op.create_index("ix_crm_signal_kind", "crm_signal", ["kind", "at", "person_id"], unique=False)
    op.create_index(
        "ix_crm_signal_person", "crm_signal", ["person_id", "kind", "at", "root_id"], unique=False
    )
    op.create_index(
        "ix_crm_signal_root", "crm_signal", ["root_id", "kind", "at", "person_id", "course_id"], unique=False
    )
    op.create_table(
        "crm_sms_template",
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("key", db.Key(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("locale", db.Key(8), nullable=False),
        sa.Column("name", db.Key(191), nullable=False),
        sa.Column("text", db.Text(), nullable=False),
        sa.Column("purpose", db.Key(16), nullable=False),
        sa.Column("signature", db.Key(64), nullable=False),
        sa.Column("examples", db.Json(), nullable=False),
        sa.Column("state", db.Key(16), nullable=False),
        sa.Column("carrier", db.Key(16), nullable=False),
        sa.Column("reason", db.Text(), nullable=True),
        sa.Column("carrier_codes", db.Json(), nullable=False),
        sa.Column("filed_as", db.Key(64), nullable=False),
        sa.Column("submitted_at", db.UtcDateTime(), nullable=True),
        sa.Column("stock", sa.Boolean(), nullable=False),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("updated_at", db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_sms_template")),
        sa.UniqueConstraint("key", "version", name=op.f("uq_crm_sms_template_key_version")),
    )
    op.create_table(
        "crm_staged",
        sa.Column("campaign_id", db.Id(), autoincrement=False, nullable=False),
        sa.Column("person_id", db.Id(), autoincrement=False, nullable=False),
        sa.Column("address", db.Key(255), nullable=True),
        sa.Column("address_key", db.Key(255), nullable=True),
        sa.Column("reason", db.Key(16), nullable=True),
        sa.PrimaryKeyConstraint("campaign_id", "person_id", name=op.f("pk_crm_staged")),
    )
    op.create_table(
        "crm_stream",
        sa.Column("stream", db.Key(32), nullable=False),
        sa.Column("state", db.Key(16), nullable=False),
        sa.Column("mark", db.Text(), nullable=True),
        sa.Column("scan_mark", db.Text(), nullable=True),
        sa.Column("scan_after", db.Text(), nullable=True),
        sa.Column("scan_number", sa.Integer(), nullable=False),
        sa.Column("rescan", sa.Boolean(), nullable=False),
        sa.Column("scanned", sa.Integer(), nullable=False),
        sa.Column("estimate", sa.Integer(), nullable=True),
        sa.Column("quarantined", sa.Integer(), nullable=False),
        sa.Column("scan_started_at", db.UtcDateTime(), nullable=True),
        sa.Column("scan_finished_at", db.UtcDateTime(), nullable=True),
        sa.Column("ok_at", db.UtcDateTime(), nullable=True),
        sa.Column("error_code", db.Key(64), nullable=True),
        sa.Column("error", db.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("retry_at", db.UtcDateTime(), nullable=True),
        sa.Column("token", db.Key(36), nullable=True),
        sa.Column("lease_until", db.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("stream", name=op.f("pk_crm_stream")),
    )
    op.create_table(
        "crm_suppression",
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("channel", db.Key(16), nullable=False),
        sa.Column("address_key", db.Key(255), nullable=False),
        sa.Column("scope", db.Key(16), nullable=False),
        sa.Column("reason", db.Key(16), nullable=False),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.Column("source", db.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_suppression")),
        sa.UniqueConstraint(
            "channel",
            "address_key",
            "scope",
            "reason",
            name=op.f("uq_crm_suppression_channel_address_key_scope_reason"),
        ),
    )
    op.create_table(
        "crm_tag",
        sa.Column("person_id", db.Id(), nullable=False),
        sa.Column("folded", db.Key(191), nullable=False),
        sa.Column("value", db.Key(191), nullable=False),
        sa.Column("state", db.Key(4), nullable=False),
        sa.Column("batch", db.Key(36), nullable=False),
        sa.Column("changed_at", db.UtcDateTime(), nullable=False),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.Column("author", db.Key(191), nullable=False),
        sa.Column("author_name", db.Text(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "folded", name=op.f("pk_crm_tag")),
    )
    op.create_index("ix_crm_tag_batch", "crm_tag", ["batch"], unique=False)
    op.create_index("ix_crm_tag_folded", "crm_tag", ["folded", "state", "person_id"], unique=False)
    op.create_table(
        "crm_tagging",
        sa.Column("author_name", sa.Text(), nullable=False),
        sa.Column("tag", db.Key(191), nullable=False),
        sa.Column("put", sa.Boolean(), nullable=False),
        sa.Column("batch", db.Key(36), nullable=False),
        sa.Column("key", db.Key(64), nullable=True),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("undo_id", sa.BigInteger(), nullable=True),
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("author", db.Key(191), nullable=False),
        sa.Column("permissions", db.Json(), nullable=False),
        sa.Column("scope", db.Json(), nullable=True),
        sa.Column("document", db.Json(), nullable=False),
        sa.Column("narrowing", db.Json(), nullable=True),
        sa.Column("state", db.Key(16), nullable=False),
        sa.Column("problem", db.Key(64), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("token", db.Key(36), nullable=False),
        sa.Column("beat_at", db.UtcDateTime(), nullable=True),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_tagging")),
        sa.UniqueConstraint("key", name=op.f("uq_crm_tagging_key")),
    )
    op.create_index(op.f("ix_crm_tagging_author"), "crm_tagging", ["author"], unique=False)
    op.create_table(
        "crm_token",
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("name", db.Key(191), nullable=False),
        sa.Column("hash", db.Key(64), nullable=False),
        sa.Column("permissions", db.Json(), nullable=False),
        sa.Column("scope", db.Json(), nullable=True),
        sa.Column("created_by", db.Key(191), nullable=False),
        sa.Column("author_name", db.Text(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.Column("expires_at", db.UtcDateTime(), nullable=True),
        sa.Column("last_used_at", db.UtcDateTime(), nullable=True),
        sa.Column("revoked_at", db.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_token")),
        sa.UniqueConstraint("hash", name=op.f("uq_crm_token_hash")),
    )
    op.create_table(
        "crm_topic",
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("name", db.Text(), nullable=False),
        sa.Column("name_zh", db.Text(), nullable=False),
        sa.Column("folded", db.Key(191), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("archived_at", db.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_topic")),
        sa.UniqueConstraint("folded", name=op.f("uq_crm_topic_folded")),
    )
    op.create_table(
        "crm_topic_opt_out",
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("topic_id", db.Id(), nullable=False),
        sa.Column("channel", db.Key(16), nullable=False),
        sa.Column("address_key", db.Key(255), nullable=False),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.Column("source", db.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_topic_opt_out")),
        sa.UniqueConstraint(
            "topic_id",
            "channel",
            "address_key",
            name=op.f("uq_crm_topic_opt_out_topic_id_channel_address_key"),
        ),
    )
    op.create_index(
        "ix_crm_topic_opt_out_address", "crm_topic_opt_out", ["channel", "address_key"], unique=False
    )
    op.create_table(
        "crm_touched",
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("person_id", db.Id(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_touched")),
    )
    op.create_index(op.f("ix_crm_touched_person_id"), "crm_touched", ["person_id"], unique=False)
    op.create_table(
        "crm_undo",
        sa.Column("id", db.Id(), nullable=False),
        sa.Column("actor", db.Key(191), nullable=False),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.Column("kind", db.Key(32), nullable=False),
        sa.Column("payload", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_undo")),
    )
    op.create_index(op.f("ix_crm_undo_at"), "crm_undo", ["at"], unique=False)


def downgrade() -> None:

    op.drop_index(op.f("ix_crm_undo_at"), table_name="crm_undo")
    op.drop_table("crm_undo")
    op.drop_index(op.f("ix_crm_touched_person_id"), table_name="crm_touched")
    op.drop_table("crm_touched")
    op.drop_index("ix_crm_topic_opt_out_address", table_name="crm_topic_opt_out")
    op.drop_table("crm_topic_opt_out")
    op.drop_table("crm_topic")
    op.drop_table("crm_token")
    op.drop_index(op.f("ix_crm_tagging_author"), table_name="crm_tagging")
    op.drop_table("crm_tagging")
    op.drop_index("ix_crm_tag_folded", table_name="crm_tag")
    op.drop_index("ix_crm_tag_batch", table_name="crm_tag")
    op.drop_table("crm_tag")
    op.drop_table("crm_suppression")
    op.drop_table("crm_stream")
    op.drop_table("crm_staged")
    op.drop_table("crm_sms_template")
    op.drop_index("ix_crm_signal_root", table_name="crm_signal")
    op.drop_index("ix_crm_signal_person", table_name="crm_signal")
    op.drop_index("ix_crm_signal_kind", table_name="crm_signal")
    op.drop_table("crm_signal")
    op.drop_table("crm_seen")
    op.drop_table("crm_rate_window")
    op.drop_table("crm_query")
    op.drop_table("crm_quarantined")
    op.drop_index("ix_crm_person_tag_value", table_name="crm_person_tag")
    op.drop_table("crm_person_tag")
    op.drop_index("ix_crm_person_attribute_value", table_name="crm_person_attribute")
    op.drop_table("crm_person_attribute")
    op.drop_index("ix_crm_person_registered_at", table_name="crm_person")
    op.drop_index("ix_crm_person_phone_key", table_name="crm_person")
    op.drop_index("ix_crm_person_last_active_at", table_name="crm_person")
    op.drop_index("ix_crm_person_email_key", table_name="crm_person")
    op.drop_table("crm_person")
    op.drop_index("ix_crm_parked_waits_for", table_name="crm_parked")
    op.drop_table("crm_parked")
    op.drop_index(op.f("ix_crm_outbox_campaign_id"), table_name="crm_outbox")
    op.drop_index(op.f("ix_crm_outbox_at"), table_name="crm_outbox")
    op.drop_table("crm_outbox")
    op.drop_index("ix_crm_order_line_root", table_name="crm_order_line")
    op.drop_index("ix_crm_order_line_person", table_name="crm_order_line")
    op.drop_table("crm_order_line")
    op.drop_index("ix_crm_order_person", table_name="crm_order")
    op.drop_index("ix_crm_order_paid", table_name="crm_order")
    op.drop_table("crm_order")
    op.drop_table("crm_link_key")
    op.drop_index(op.f("ix_crm_link_campaign_id"), table_name="crm_link")
    op.drop_table("crm_link")
    op.drop_table("crm_kept")
    op.drop_index("ix_crm_interest_tag", table_name="crm_interest")
    op.drop_table("crm_interest")
    op.drop_index("ix_crm_intention_change_person", table_name="crm_intention_change")
    op.drop_table("crm_intention_change")
    op.drop_index("ix_crm_intention_root", table_name="crm_intention")
    op.drop_table("crm_intention")
    op.drop_index("ix_crm_hit_new", table_name="crm_hit")
    op.drop_index("ix_crm_hit_delivery", table_name="crm_hit")
    op.drop_index("ix_crm_hit_campaign", table_name="crm_hit")
    op.drop_table("crm_hit")
    op.drop_table("crm_forgotten")
    op.drop_index("ix_crm_follow_up_person", table_name="crm_follow_up")
    op.drop_index("ix_crm_follow_up_due", table_name="crm_follow_up")
    op.drop_table("crm_follow_up")
    op.drop_index(op.f("ix_crm_export_author"), table_name="crm_export")
    op.drop_table("crm_export")
    op.drop_index("ix_crm_enrolment_root", table_name="crm_enrolment")
    op.drop_index("ix_crm_enrolment_person", table_name="crm_enrolment")
    op.drop_index("ix_crm_enrolment_expires", table_name="crm_enrolment")
    op.drop_table("crm_enrolment")
    op.drop_table("crm_early_report")
    op.drop_index(
        "ix_crm_delivery_token",
        table_name="crm_delivery",
        postgresql_where=sa.text("token IS NOT NULL"),
        sqlite_where=sa.text("token IS NOT NULL"),
    )
    op.drop_index("ix_crm_delivery_state", table_name="crm_delivery")
    op.drop_index("ix_crm_delivery_person", table_name="crm_delivery")
    op.drop_index(
        "ix_crm_delivery_lease",
        table_name="crm_delivery",
        postgresql_where=sa.text("lease_until IS NOT NULL"),
        sqlite_where=sa.text("lease_until IS NOT NULL"),
    )
    op.drop_index(
        "ix_crm_delivery_carrier",
        table_name="crm_delivery",
        postgresql_where=sa.text("carrier_ref IS NOT NULL"),
        sqlite_where=sa.text("carrier_ref IS NOT NULL"),
    )
    op.drop_table("crm_delivery")
    op.drop_table("crm_daily_run")
    op.drop_table("crm_course_link")
    op.drop_index("ix_crm_course_label_value", table_name="crm_course_label")
    op.drop_table("crm_course_label")
    op.drop_index(op.f("ix_crm_course_root_id"), table_name="crm_course")
    op.drop_table("crm_course")
    op.drop_index("ix_crm_consent_record_push", table_name="crm_consent_record")
    op.drop_index("ix_crm_consent_record_person", table_name="crm_consent_record")
    op.drop_table("crm_consent_record")
    op.drop_index("ix_crm_consent_state", table_name="crm_consent")
    op.drop_table("crm_consent")
    op.drop_table("crm_click_tally")
    op.drop_index(op.f("ix_crm_campaign_state"), table_name="crm_campaign")
    op.drop_table("crm_campaign")
    op.drop_index("ix_crm_bounce_delivery", table_name="crm_bounce")
    op.drop_index("ix_crm_bounce_at", table_name="crm_bounce")
    op.drop_index("ix_crm_bounce_address", table_name="crm_bounce")
    op.drop_table("crm_bounce")
    op.drop_index(op.f("ix_crm_audit_at"), table_name="crm_audit")
    op.drop_table("crm_audit")
    op.drop_table("crm_account")
