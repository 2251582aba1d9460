"""The table of fields: a new field is one row here; form, validation, SQL, evaluator, docs derive from it.

Fields of related rows stand in :mod:`crm_plugin.segments.language.relations`, in the same form.
"""

from functools import cache
from typing import Any

import sqlalchemy as sa

from crm_plugin.channels.registry import CHANNELS as REGISTERED
from crm_plugin.kernel.i18n import Text
from crm_plugin.profiles.consent.channels import address
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
    Relation,
    add_field,
    add_relation,
    row_field,
)
from crm_plugin.segments.language.sources import (
    Column,
    Computed,
    Fact,
    LongText,
    Row,
    Side,
    Suppressed,
    Whole,
    Written,
)
from crm_plugin.segments.language.value_types import (
    CHOICE,
    CODE,
    DAY,
    FLAG,
    INSTANT,
    MONEY,
    NUMBER,
    SET,
    TEXT,
    Kind,
)

__all__ = [
    "CHANNELS",
    "FAMILIES",
    "FIELDS",
    "RELATIONS",
    "Field",
    "Relation",
    "add_field",
    "add_relation",
    "row_field",
]


def _person(name: str, label: Text, kind: Kind, **more: Any) -> Field:
    return add_field(name, label, kind, needs=(f"persons.{name}",), **more)


def _written(name: str, label: Text, kind: Kind, **more: Any) -> Field:
    return _person(name, label, kind, source=Written(f"{name}_folded"), **more)


def _fact(name: str, label: Text, kind: Kind, need: str) -> Field:
    return add_field(name, label, kind, Fact(name), needs=(need,))


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

add_field("id", Text("id"), CODE, Column("host_id"))
add_field("status", Text("account status"), CODE, values=_STATUS)
_written("username", Text("user name"), TEXT, private=True)
_written("display_name", Text("display name"), TEXT)
_written("real_name", Text("real name"), TEXT)
_person("email", Text("e-mail address"), TEXT, private=True)
add_field("has_email", Text("has an e-mail address"), FLAG, _has("email_key"), needs=("persons.email",))
_person("email_verified", Text("e-mail verified"), FLAG)
_person("email_stopped", Text("e-mail stopped"), FLAG)
_person("phone", Text("telephone"), TEXT, private=True)
add_field("has_phone", Text("has a mobile telephone"), FLAG, _has("phone_key"), needs=("persons.phone",))
_person("phone_verified", Text("telephone verified"), FLAG)
_written("gender", Text("gender"), CHOICE)
_person("birthday", Text("birthday"), DAY)
add_field("age", Text("age"), NUMBER, Computed(_age_sql, _age), needs=("persons.birthday",))
_written("country", Text("country"), CHOICE)
_written("city", Text("city"), TEXT)
_person("locale", Text("language"), CHOICE)
_written("company", Text("company"), TEXT)
_person("registered_at", Text("registered"), INSTANT)
_person("last_login_at", Text("last signed in"), INSTANT)
_fact("last_active_at", Text("last active"), INSTANT, "persons.last_active_at|signals")
_fact("last_learned_at", Text("last learned"), INSTANT, "enrolments.last_learned_at")
_person("roles", Text("roles"), SET, source=Side(m.PersonTag, "folded", (("kind", "role"),)), values=_ROLES)
_person("tags", Text("tags"), SET, source=Side(m.PersonTag, "folded", (("kind", "tag"),)), picker="tag")
add_field(
    "crm_tags",
    Text("CRM tags"),
    SET,
    Side(CrmTag, "folded", (("state", ON),)),
    picker="crm_tag",
)
add_field(
    "interest_tags",
    Text("interests"),
    SET,
    Whole(m.Interest, "folded"),
    needs=("courses.tags",),
    picker="tag",
)
_written("member_level", Text("membership level"), TEXT)
_person("member_rank", Text("membership rank"), NUMBER)
_person("member_since", Text("member since"), INSTANT)
_person("member_until", Text("membership ends"), INSTANT)
add_field(
    "is_member",
    Text("is a member"),
    FLAG,
    Computed(_member_sql, _is_member),
    needs=("persons.member_level",),
)
_fact("paid_count", Text("number of purchases"), NUMBER, "orders")
_fact("paid_total", Text("spent in total"), MONEY, "orders")
_fact("first_paid_at", Text("first purchase"), INSTANT, "orders")
_fact("last_paid_at", Text("latest purchase"), INSTANT, "orders")
_fact("refunded_total", Text("refunded in total"), MONEY, "orders")
_fact("unpaid_count", Text("number of unpaid orders"), NUMBER, "orders")


def _attribute(name: str) -> Field:
    return Field(
        f"attributes.{name}",
        Text(name),
        TEXT,
        LongText(m.PersonAttribute, "folded", (("name", name),)),
        needs=(f"persons.attributes.{name}",),
    )


def _consent(channel: str) -> Field | None:
    one = REGISTERED.get(channel)
    if one is None:
        return None
    label = Text("consent to {channel}", channel=one.label)
    source = Side(m.Consent, "state", (("channel", channel),))
    return Field(f"consent.{channel}", label, CODE, source, values=("granted", "denied"))


def _suppressed(channel: str) -> Field | None:
    one = REGISTERED.get(channel)
    if one is None:
        return None
    where = address(channel)
    label = Text("{channel} suppressed", channel=one.label)
    source = Suppressed(channel, where.key.key)
    return Field(f"suppressed.{channel}", label, FLAG, source, needs=(where.needs,))


FAMILIES.add("attributes", _attribute)
FAMILIES.add("consent", cache(_consent))
FAMILIES.add("suppressed", cache(_suppressed))
CHANNELS = tuple(REGISTERED)
"""Names that the families ``consent`` and ``suppressed`` take."""
