"""The table of fields: a new field is one row here; form, validation, SQL, evaluator, docs derive from it.

Fields of related rows stand in :mod:`crm_plugin.segments.language.relations`, in the same form.
"""

from typing import Any

import sqlalchemy as sa

from crm_plugin.channels.registry import CHANNELS as REGISTERED
from crm_plugin.profiles.models import school as m
from crm_plugin.profiles.models.staff import CrmTag
from crm_plugin.profiles.staff.tags import ON
from crm_plugin.segments.language import relations  # noqa: F401 - it registers the related rows
from crm_plugin.segments.language.dates import Present, age, age_limit
from crm_plugin.segments.language.definitions import (
    FAMILIES,
    FIELDS,
    RELATIONS,
    Field,
    Label,
    Relation,
    add_field,
    add_relation,
    row_field,
)
from crm_plugin.segments.language.sources import Column, Computed, Fact, Row, Side, Suppressed, Whole
from crm_plugin.segments.language.value_types import CODE, DAY, FLAG, INSTANT, MONEY, NUMBER, SET, TEXT, Kind

__all__ = [
    "CHANNELS",
    "FAMILIES",
    "FIELDS",
    "RELATIONS",
    "Field",
    "Label",
    "Relation",
    "add_field",
    "add_relation",
    "row_field",
]


def _person(name: str, en: str, zh: str, kind: Kind, **more: Any) -> Field:
    return add_field(name, en, zh, kind, needs=(f"persons.{name}",), **more)


def _fact(name: str, en: str, zh: str, kind: Kind, need: str) -> Field:
    return add_field(name, en, zh, kind, Fact(name), needs=(need,))


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


_STATUS = ("active", "suspended", "unconfirmed")
_ROLES = ("learner", "teacher", "staff", "admin")

add_field("id", "id", "用户编号", CODE, Column("host_id"))
add_field("status", "account status", "账号状态", CODE, values=_STATUS)
_person("username", "user name", "用户名", TEXT, private=True)
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
_fact("last_active_at", "last active", "最近活跃", INSTANT, "persons.last_active_at|signals")
_fact("last_learned_at", "last learned", "最近学习", INSTANT, "enrolments.last_learned_at")
_person("roles", "roles", "角色", SET, source=Side(m.PersonTag, "folded", (("kind", "role"),)), values=_ROLES)
_person("tags", "tags", "标签", SET, source=Side(m.PersonTag, "folded", (("kind", "tag"),)), picker="tag")
add_field(
    "crm_tags",
    "CRM tags",
    "CRM 标签",
    SET,
    Side(CrmTag, "folded", (("state", ON),)),
    picker="crm_tag",
)
add_field(
    "interest_tags",
    "interests",
    "兴趣标签",
    SET,
    Whole(m.Interest, "folded"),
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
