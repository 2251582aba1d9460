"""The table of related rows: a field of orders, enrolments, signals or intentions is one row here."""

from crm_plugin.kernel.registry import Registry
from crm_plugin.profiles.models import school as m
from crm_plugin.profiles.models.staff import Intention
from crm_plugin.profiles.staff.purchase_intent import LEVELS
from crm_plugin.segments.language.course_sources import CourseValue, Lines, Own, active
from crm_plugin.segments.language.dates import Present
from crm_plugin.segments.language.definitions import (
    Label,
    Relation,
    add_relation,
    course_fields,
    pair_fields,
    row_field,
)
from crm_plugin.segments.language.sources import Computed, Row
from crm_plugin.segments.language.value_types import CODE, FLAG, FRACTION, INSTANT, MONEY, NUMBER, TEXT


def _is_active(row: Row, present: Present) -> bool:
    begun = row["starts_at"] is None or row["starts_at"] <= present.as_of
    return (
        row["state"] == "active"
        and begun
        and (row["expires_at"] is None or row["expires_at"] > present.as_of)
    )


_ORDER_STATES = ("pending", "paid", "closed", "refunding", "refunded", "partly_refunded")
add_relation(
    Relation("orders", Label("orders", "订单"), m.Order, Registry("field"), ("orders",), Lines(), "currency"),
    row_field("state", "state", "状态", CODE, values=_ORDER_STATES),
    row_field("amount", "amount", "金额", MONEY),
    row_field("currency", "currency", "币种", CODE),
    row_field("refunded", "refunded", "已退金额", MONEY),
    row_field("created_at", "created", "下单时间", INSTANT, needs=("orders.created_at",)),
    row_field("paid_at", "paid", "支付时间", INSTANT, needs=("orders.paid_at",)),
    row_field("closes_at", "will be closed", "将关闭时间", INSTANT, needs=("orders.closes_at",)),
    row_field("closed_at", "closed", "关闭时间", INSTANT, needs=("orders.closed_at",)),
    row_field("refunded_at", "refunded on", "退款时间", INSTANT, needs=("orders.refunded_at",)),
    row_field(
        "refund_requested", "refund asked for", "申请退款金额", MONEY, needs=("orders.refund_requested",)
    ),
    row_field("source", "source", "来源", TEXT, needs=("orders.source",)),
    row_field("coupon", "coupon", "优惠券", TEXT, needs=("orders.coupon",)),
    *pair_fields(Lines()),
    *course_fields(Lines()),
)
add_relation(
    Relation(
        "enrolments",
        Label("enrolments", "报名"),
        m.Enrolment,
        Registry("field"),
        ("enrolments",),
        Own("enrolments"),
    ),
    row_field("role", "role", "身份", CODE, values=("learner", "auditor", "assistant", "teacher")),
    row_field(
        "source",
        "source",
        "来源",
        CODE,
        values=("purchase", "free", "import", "membership", "class", "other"),
    ),
    row_field("state", "state", "状态", CODE, values=("active", "suspended", "pending", "ended")),
    row_field("active", "is active now", "当前有效", FLAG, Computed(active, _is_active)),
    row_field("progress", "progress", "进度", FRACTION, needs=("enrolments.progress",)),
    row_field("enrolled_at", "enrolled", "报名时间", INSTANT, needs=("enrolments.enrolled_at",)),
    row_field("starts_at", "starts", "开始时间", INSTANT, needs=("enrolments.starts_at",)),
    row_field("expires_at", "runs out", "到期时间", INSTANT, needs=("enrolments.expires_at",)),
    row_field("ended_at", "ended", "结束时间", INSTANT, needs=("enrolments.ended_at",)),
    row_field(
        "end_kind",
        "kind of end",
        "结束方式",
        CODE,
        values=("refund", "removed", "left", "expired"),
        needs=("enrolments.end_kind",),
    ),
    row_field("end_reason", "reason of the end", "结束原因", TEXT, needs=("enrolments.end_reason",)),
    row_field("completed_at", "completed", "完成时间", INSTANT, needs=("enrolments.completed_at",)),
    row_field("last_learned_at", "last learned", "最近学习", INSTANT, needs=("enrolments.last_learned_at",)),
    *course_fields(Own("enrolments")),
)
add_relation(
    Relation(
        "signals", Label("activities", "行为"), m.Signal, Registry("field"), ("signals",), Own("signals")
    ),
    row_field(
        "kind",
        "kind",
        "类型",
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
    row_field("at", "time", "时间", INSTANT),
    row_field("count", "times", "次数", NUMBER),
    row_field(
        "course_price",
        "course price",
        "课程价格",
        MONEY,
        CourseValue(Own("signals"), "price"),
        needs=("courses.price",),
    ),
    *pair_fields(Own("signals")),
    *course_fields(Own("signals")),
)
add_relation(
    Relation(
        "intentions", Label("intentions", "购买意向"), Intention, Registry("field"), (), Own("intentions")
    ),
    row_field("level", "level", "程度", CODE, values=LEVELS),
    row_field("at", "set", "设定时间", INSTANT),
    *course_fields(Own("intentions")),
)
