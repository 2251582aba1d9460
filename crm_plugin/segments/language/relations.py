"""The table of related rows: a field of orders, enrolments, signals or intentions is one row here."""

from crm_plugin.kernel.i18n import Text
from crm_plugin.kernel.registry import Registry
from crm_plugin.profiles.models import school as m
from crm_plugin.profiles.models.staff import Intention
from crm_plugin.profiles.staff.purchase_intent import LEVELS
from crm_plugin.profiles.store.enrolment_state import STATES
from crm_plugin.segments.language.course_sources import CourseValue, Lines, Own
from crm_plugin.segments.language.definitions import (
    Relation,
    add_relation,
    course_fields,
    pair_fields,
    row_field,
)
from crm_plugin.segments.language.enrolment_sources import ACTIVE, END_KIND, ENDED_AT, STATE
from crm_plugin.segments.language.sources import Column
from crm_plugin.segments.language.value_types import CODE, FLAG, FRACTION, INSTANT, MONEY, NUMBER, TEXT

_ORDER_STATES = ("pending", "paid", "closed", "refunding", "refunded", "partly_refunded")
add_relation(
    Relation("orders", Text("orders"), m.Order, Registry("field"), ("orders",), Lines(), "currency"),
    row_field("id", Text("id"), CODE, Column("host_id")),
    row_field("state", Text("state"), CODE, values=_ORDER_STATES),
    row_field("amount", Text("amount"), MONEY),
    row_field("currency", Text("currency"), CODE),
    row_field("refunded", Text("refunded"), MONEY),
    row_field("created_at", Text("created"), INSTANT, needs=("orders.created_at",)),
    row_field("paid_at", Text("paid"), INSTANT, needs=("orders.paid_at",)),
    row_field("closes_at", Text("will be closed"), INSTANT, needs=("orders.closes_at",)),
    row_field("closed_at", Text("closed"), INSTANT, needs=("orders.closed_at",)),
    row_field("refunded_at", Text("refunded on"), INSTANT, needs=("orders.refunded_at",)),
    row_field("refund_requested", Text("refund asked for"), MONEY, needs=("orders.refund_requested",)),
    row_field("source", Text("source"), TEXT, needs=("orders.source",)),
    row_field("coupon", Text("coupon"), TEXT, needs=("orders.coupon",)),
    *pair_fields(Lines()),
    *course_fields(Lines()),
)
add_relation(
    Relation(
        "enrolments",
        Text("enrolments"),
        m.Enrolment,
        Registry("field"),
        ("enrolments",),
        Own("enrolments"),
    ),
    row_field("role", Text("role"), CODE, values=("learner", "auditor", "assistant", "teacher")),
    row_field(
        "source",
        Text("source"),
        CODE,
        values=("purchase", "free", "import", "membership", "class", "other"),
    ),
    row_field("state", Text("state"), CODE, STATE, values=STATES),
    row_field("active", Text("is active now"), FLAG, ACTIVE),
    row_field("progress", Text("progress"), FRACTION, needs=("enrolments.progress",)),
    row_field("enrolled_at", Text("enrolled"), INSTANT, needs=("enrolments.enrolled_at",)),
    row_field("starts_at", Text("starts"), INSTANT, needs=("enrolments.starts_at",)),
    row_field("expires_at", Text("runs out"), INSTANT, needs=("enrolments.expires_at",)),
    row_field(
        "ended_at", Text("ended"), INSTANT, ENDED_AT, needs=("enrolments.ended_at|enrolments.expires_at",)
    ),
    row_field(
        "end_kind",
        Text("kind of end"),
        CODE,
        END_KIND,
        values=("refund", "removed", "left", "expired"),
        needs=("enrolments.end_kind|enrolments.expires_at",),
    ),
    row_field("end_reason", Text("reason of the end"), TEXT, needs=("enrolments.end_reason",)),
    row_field("completed_at", Text("completed"), INSTANT, needs=("enrolments.completed_at",)),
    row_field("last_learned_at", Text("last learned"), INSTANT, needs=("enrolments.last_learned_at",)),
    *course_fields(Own("enrolments")),
)
add_relation(
    Relation("signals", Text("activities"), m.Signal, Registry("field"), ("signals",), Own("signals")),
    row_field(
        "kind",
        Text("kind"),
        CODE,
        values=(
            "login",
            "view",
            "visit",
            "trial",
            "favourite",
            "audit",
            "question",
            "review",
            "coupon",
            "learn",
        ),
    ),
    row_field("at", Text("time"), INSTANT),
    row_field("count", Text("times"), NUMBER),
    row_field(
        "course_price",
        Text("course price"),
        MONEY,
        CourseValue(Own("signals"), "price"),
        needs=("courses.price",),
    ),
    *pair_fields(Own("signals")),
    *course_fields(Own("signals")),
)
add_relation(
    Relation("intentions", Text("intentions"), Intention, Registry("field"), (), Own("intentions")),
    row_field("level", Text("level"), CODE, values=LEVELS),
    row_field("at", Text("set"), INSTANT),
    *course_fields(Own("intentions")),
)
