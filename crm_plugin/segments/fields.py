"""The table of fields: a new field is one row here; form, validation, SQL, evaluator, docs derive from it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from crm_plugin.channels.registry import CHANNELS as REGISTERED
from crm_plugin.kernel.registry import Registry
from crm_plugin.profiles import models as m
from crm_plugin.segments.courses import (
    CourseFamily,
    CourseLabels,
    CourseValue,
    Lines,
    Own,
    Pair,
    Reach,
    active,
    enrolled_now,
    ever_bought,
)
from crm_plugin.segments.kinds import (
    CODE,
    DAY,
    FLAG,
    FRACTION,
    INSTANT,
    KEYS,
    MONEY,
    NUMBER,
    SET,
    TEXT,
    Kind,
)
from crm_plugin.segments.moments import Present, age, age_limit
from crm_plugin.segments.sources import Column, Computed, Row, Side, Source, Suppressed


@dataclass(frozen=True)
class Label:
    """Words for people."""

    en: str
    zh: str

    def of(self, locale: str) -> str:
        """Return the words of a locale; English unless it is Chinese."""
        return self.zh if locale.lower().startswith("zh") else self.en


@dataclass(frozen=True)
class Field:
    """One row of the table.

    :param needs: what the school must tell, as ``stream`` or ``stream.field``; else the field is hidden.
    :param values: all values there are, for enumerations.
    :param picker: what a page offers to choose from: ``course``, ``category``, ``tag`` or nothing.
    :param private: a condition on it needs the permission ``crm.contacts``.
    """

    name: str
    label: Label
    kind: Kind
    source: Source
    needs: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    picker: str = ""
    private: bool = False


@dataclass(frozen=True)
class Relation:
    """Rows that belong to a person.

    :param table: has ``id`` and ``person_id``; rows whose ``person_id`` is NULL are left out.
    :param reach: how a row reaches its courses; None = it has none.
    :param currency: the field with the currency of its amounts.
    """

    name: str
    label: Label
    table: type[Any]
    fields: Registry[Field] = field(hash=False, compare=False)
    needs: tuple[str, ...] = ()
    reach: Reach | None = None
    currency: str = ""


FIELDS: Registry[Field] = Registry("field")
"""Fields of a person by name."""
RELATIONS: Registry[Relation] = Registry("relation")
"""Related rows by name."""
FAMILIES: Registry[Callable[[str], Field | None]] = Registry("family of fields")
"""Prefix → function that makes the field ``prefix.<name>``, None when there is no such name."""


def add_field(name: str, en: str, zh: str, kind: Kind, source: Source | None = None, **more: Any) -> Field:
    """Register a field of a person; without ``source`` it is the column of its name."""
    return FIELDS.add(name, Field(name, Label(en, zh), kind, source or _column(name, kind), **more))


def add_relation(relation: Relation, *fields: Field) -> Relation:
    """Register related rows with their fields."""
    for one in fields:
        relation.fields.add(one.name, one)
    return RELATIONS.add(relation.name, relation)


def row_field(name: str, en: str, zh: str, kind: Kind, source: Source | None = None, **more: Any) -> Field:
    """Make a field of related rows; without ``source`` it is the column of its name."""
    return Field(name, Label(en, zh), kind, source or _column(name, kind), **more)


def course_fields(reach: Reach) -> tuple[Field, ...]:
    """Make the fields of the course behind a related row."""
    return (
        row_field("course_id", "course", "课程", KEYS, CourseFamily(reach), picker="course"),
        row_field("course_title", "course title", "课程名称", TEXT, CourseValue(reach, "title_folded")),
        row_field(
            "course_tag",
            "course tag",
            "课程标签",
            SET,
            CourseLabels(reach, "tag"),
            needs=("courses.tags",),
            picker="tag",
        ),
        row_field(
            "course_category",
            "course category",
            "课程分类",
            SET,
            CourseLabels(reach, "category"),
            needs=("courses.category",),
            picker="category",
        ),
        row_field(
            "course_kind",
            "kind of course",
            "课程类型",
            CODE,
            CourseValue(reach, "kind"),
            values=("course", "class", "open"),
        ),
    )


def pair_fields(reach: Reach) -> tuple[Field, ...]:
    """Make the fields that ask whether the person and the row's course are a pair."""
    bought = Pair(reach, ever_bought)
    return (
        row_field(
            "enrolled_now", "is enrolled in that course", "当前在学该课程", FLAG, Pair(reach, enrolled_now)
        ),
        row_field("ever_bought", "ever bought that course", "曾购买该课程", FLAG, bought, needs=("orders",)),
    )


def _column(name: str, kind: Kind) -> Column:
    return Column(f"{name}_folded" if kind is TEXT else name)


def _person(name: str, en: str, zh: str, kind: Kind, **more: Any) -> Field:
    return add_field(name, en, zh, kind, needs=(f"persons.{name}",), **more)


def _fact(name: str, en: str, zh: str, kind: Kind, stream: str) -> Field:
    return add_field(name, en, zh, kind, needs=(stream,))


def _has(column: str) -> Computed:
    return Computed(
        lambda row, _p: getattr(row, column).is_not(None), lambda row, _p: row[column] is not None
    )


def _member_sql(row: Any, present: Present) -> Any:
    until = row.member_until
    return sa.and_(row.member_level.is_not(None), sa.or_(until.is_(None), until > present.as_of))


def _is_member(row: Row, present: Present) -> bool:
    until = row["member_until"]
    return row["member_level"] is not None and (until is None or until > present.as_of)


def _age_sql(row: Any, present: Present) -> Any:
    born = row.birthday
    later = sa.extract("month", born) * 100 + sa.extract("day", born) > age_limit(present.today)
    return present.today.year - sa.extract("year", born) - sa.case((later, 1), else_=0)


def _age(row: Row, present: Present) -> int | None:
    return None if row["birthday"] is None else age(row["birthday"], present.today)


def _is_active(row: Row, present: Present) -> bool:
    begun = row["starts_at"] is None or row["starts_at"] <= present.as_of
    return (
        row["state"] == "active"
        and begun
        and (row["expires_at"] is None or row["expires_at"] > present.as_of)
    )


_STATUS = ("active", "suspended", "unconfirmed")
_ROLES = ("learner", "teacher", "staff", "admin")

add_field("id", "id", "用户编号", CODE, Column("host_id"))
add_field("status", "account status", "账号状态", CODE, values=_STATUS)
_person("username", "user name", "用户名", TEXT)
_person("display_name", "display name", "昵称", TEXT)
_person("real_name", "real name", "真实姓名", TEXT)
_person("email", "e-mail address", "邮箱", TEXT, private=True)
add_field("has_email", "has an e-mail address", "有邮箱", FLAG, _has("email_key"), needs=("persons.email",))
_person("email_verified", "e-mail verified", "邮箱已验证", FLAG)
_person("email_stopped", "e-mail stopped", "已停收邮件", FLAG)
_person("phone", "telephone", "手机号", TEXT, private=True)
add_field(
    "has_phone", "has a mobile telephone", "有手机号", FLAG, _has("phone_key"), needs=("persons.phone",)
)
_person("phone_verified", "telephone verified", "手机已验证", FLAG)
_person("gender", "gender", "性别", TEXT)
_person("birthday", "birthday", "生日", DAY)
add_field("age", "age", "年龄", NUMBER, Computed(_age_sql, _age), needs=("persons.birthday",))
_person("country", "country", "国家", TEXT)
_person("city", "city", "城市", TEXT)
_person("locale", "language", "语言", TEXT)
_person("company", "company", "公司", TEXT)
_person("registered_at", "registered", "注册时间", INSTANT)
_person("last_login_at", "last signed in", "最近登录", INSTANT)
add_field("last_active_at", "last active", "最近活跃", INSTANT, needs=("persons.last_active_at|signals",))
add_field("last_learned_at", "last learned", "最近学习", INSTANT, needs=("enrolments.last_learned_at",))
_person("roles", "roles", "角色", SET, source=Side(m.PersonTag, "folded", (("kind", "role"),)), values=_ROLES)
_person("tags", "tags", "标签", SET, source=Side(m.PersonTag, "folded", (("kind", "tag"),)), picker="tag")
add_field(
    "interest_tags",
    "interests",
    "兴趣标签",
    SET,
    Side(m.Interest, "folded"),
    needs=("courses.tags",),
    picker="tag",
)
_person("member_level", "membership level", "会员等级", TEXT)
_person("member_rank", "membership rank", "会员级别", NUMBER)
_person("member_since", "member since", "会员开始时间", INSTANT)
_person("member_until", "membership ends", "会员到期时间", INSTANT)
add_field(
    "is_member",
    "is a member",
    "是会员",
    FLAG,
    Computed(_member_sql, _is_member),
    needs=("persons.member_level",),
)
_fact("paid_count", "number of purchases", "购买次数", NUMBER, "orders")
_fact("paid_total", "spent in total", "消费总额", MONEY, "orders")
_fact("first_paid_at", "first purchase", "首次购买", INSTANT, "orders")
_fact("last_paid_at", "latest purchase", "最近购买", INSTANT, "orders")
_fact("refunded_total", "refunded in total", "退款总额", MONEY, "orders")
_fact("unpaid_count", "number of unpaid orders", "未支付订单数", NUMBER, "orders")


def _attribute(name: str) -> Field:
    return Field(
        f"attributes.{name}",
        Label(name, name),
        TEXT,
        Side(m.PersonAttribute, "folded", (("name", name),)),
        needs=(f"persons.attributes.{name}",),
    )


_ADDRESSES = {
    "phone": ("phone_key", "persons.phone"),
    "email": ("email_key", "persons.email"),
    "person": ("host_id", "persons"),
}
"""Kind of a channel's addresses → (its column, what the school must tell)."""


def _consent(channel: str) -> Field | None:
    one = REGISTERED.get(channel)
    if one is None:
        return None
    label = Label(f"consent to {one.label[0]}", f"同意接收{one.label[1]}")
    source = Side(m.Consent, "state", (("channel", channel),))
    return Field(f"consent.{channel}", label, CODE, source, values=("granted", "denied"))


def _suppressed(channel: str) -> Field | None:
    one = REGISTERED.get(channel)
    if one is None:
        return None
    key, need = _ADDRESSES[one.address]
    label = Label(f"{one.label[0]} suppressed", f"{one.label[1]}已屏蔽")
    return Field(f"suppressed.{channel}", label, FLAG, Suppressed(channel, key), needs=(need,))


FAMILIES.add("attributes", _attribute)
FAMILIES.add("consent", _consent)
FAMILIES.add("suppressed", _suppressed)
CHANNELS = tuple(REGISTERED)
"""Names that the families ``consent`` and ``suppressed`` take."""

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
