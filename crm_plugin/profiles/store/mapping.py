"""The school's records as columns of our tables, and the hash that shows whether a record changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from hashlib import blake2b
from operator import attrgetter
from typing import Any

from crm_plugin.host import records as r
from crm_plugin.profiles.models.school import FOLDED
from crm_plugin.profiles.store.email_addresses import clean_email, email_key
from crm_plugin.profiles.store.normalise import fold
from crm_plugin.profiles.store.phone_numbers import phone_key

RULES = 1
"""Version of what a hash covers; a higher one makes the next scan write every row again.

For a changed spelling raise :data:`crm_plugin.profiles.sync.respelling.RULES` instead.
"""

Columns = dict[str, Any]
_VALUES: dict[type[Any], Callable[[Any], Any]] = {
    cls: attrgetter(*(one.name for one in fields(cls))) for cls in r.RECORDS.values()
}


def clip(text: str | None, length: int = FOLDED) -> str | None:
    """Return text cut to what its column holds."""
    return None if text is None else text[:length]


def hasher(region: str | None) -> Callable[[r.Record], str]:
    """Return the function that hashes a record (32 letters), rules of normalisation included.

    The record is hashed as it came: a repeated row is known before any of the work is done.
    """
    salt = f"{RULES}:{region}".encode()

    def row_hash(record: r.Record) -> str:
        text = repr(_VALUES[type(record)](record))
        return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, key=salt).hexdigest()

    return row_hash


@dataclass(slots=True)
class Ready:
    """What can be made of a page of one stream without asking the database, by host id."""

    hashes: dict[str, str] = field(default_factory=dict)
    columns: dict[str, Columns] = field(default_factory=dict)
    """Empty where few of the rows are likely to be new."""


def make_ready(rows: Sequence[Any], region: str | None, *, columns: bool) -> Ready:
    """Hash records, and turn them into columns if most of them will be written."""
    row_hash = hasher(region)
    made = {row.id: columns_of(row, region) for row in rows} if columns else {}
    return Ready({row.id: row_hash(row) for row in rows}, made)


def columns_of(record: Any, region: str | None) -> Columns:
    """Return the columns of any record, without what only the database knows."""
    if isinstance(record, r.Person):
        return person_columns(record, region)
    return _COLUMNS[type(record)](record)


def person_columns(person: r.Person, region: str | None) -> Columns:
    """Return the columns of a person, without id, hash and facts.

    Of one who was merged into another only that is kept: the other is written to, not they.
    """
    if is_merged(person):
        person = r.Person(person.id, "erased", roles=(), merged_into=person.merged_into)
    roles = set(person.roles)
    return {
        "host_id": person.id,
        "status": person.status,
        "merged_into": person.merged_into if is_merged(person) else None,
        **spelled(person, region),
        "email_verified": person.email_verified,
        "email_stopped": person.email_stopped,
        "phone_verified": person.phone_verified,
        "birthday": person.birthday,
        "timezone": clip(person.timezone, 64),
        "registered_at": person.registered_at,
        "last_login_at": person.last_login_at,
        "host_active_at": person.last_active_at,
        "member_rank": person.member_rank,
        "member_since": person.member_since,
        "member_until": person.member_until,
        "is_staff": bool(roles & {"staff", "admin"}) or ("teacher" in roles and "learner" not in roles),
    }


def spelled(person: Any, region: str | None) -> Columns:
    """Return the columns of a person that the rules of spelling make.

    :param person: a record, or a row of ours: both have the school's texts under the same names.
    """
    email = clean_email(person.email)
    return {
        "display_name": person.display_name,
        "display_name_folded": fold(person.display_name),
        **spelled_texts(person, ("real_name", "username", "city", "company"), None),
        **spelled_texts(person, ("gender", "locale", "country", "member_level"), FOLDED),
        "email": email,
        "email_folded": None if email is None else fold(email),
        "email_key": email_key(email),
        **spelled_texts(person, ("phone",), None),
        "phone_key": phone_key(person.phone, region),
    }


def spelled_value(text: str) -> Columns:
    """Return how the value of a field that only this school has is compared; whole where it is long."""
    whole = fold(text)
    return {"folded": whole[:FOLDED], "whole": whole if len(whole) > FOLDED else None}


def known(text: str | None) -> str | None:
    """Return a text of the school; an empty one says as little as none."""
    return text if text and not text.isspace() else None


def is_merged(person: r.Person) -> bool:
    """Return whether a person lives on as another one."""
    return person.merged_into is not None and person.merged_into != person.id


def spelled_texts(record: Any, names: Sequence[str], length: int | None) -> Columns:
    """Return texts of a record, or of a row of ours, and their folded forms; an empty one is unknown."""
    columns = {}
    for name in names:
        text = known(getattr(record, name))
        columns[name] = text if length is None else clip(text, length)
        columns[f"{name}_folded"] = None if text is None else fold(text, length)
    return columns


def course_columns(course: r.Course) -> Columns:
    """Return the columns of a course, without id, hash and root."""
    return {
        "host_id": course.id,
        "parent_host_id": course.parent_id,
        "kind": course.kind,
        "title": course.title,
        "title_folded": fold(course.title),
        "status": course.status,
        "starts_at": course.starts_at,
        "ends_at": course.ends_at,
        "price": course.price,
        "currency": course.currency,
        "capacity": course.capacity,
        "gone": False,
    }


def enrolment_columns(row: r.Enrolment) -> Columns:
    """Return the columns of an enrolment, without id, hash, person and course."""
    return {
        "host_id": row.id,
        "role": row.role,
        "source": row.source,
        "state": row.state,
        "enrolled_at": row.enrolled_at,
        "starts_at": row.starts_at,
        "expires_at": row.expires_at,
        "ended_at": row.ended_at,
        "end_kind": row.end_kind,
        **spelled_texts(row, ("end_reason",), None),
        "order_host_id": row.order_id,
        "progress": row.progress,
        "completed_at": row.completed_at,
        "last_learned_at": row.last_learned_at,
    }


def order_columns(order: r.Order) -> Columns:
    """Return the columns of an order, without id, hash, person and lines."""
    return {
        "host_id": order.id,
        "state": order.state,
        "amount": order.amount,
        "currency": order.currency,
        "refunded": order.refunded,
        "created_at": order.created_at,
        "paid_at": order.paid_at,
        "closes_at": order.closes_at,
        "closed_at": order.closed_at,
        "refund_requested": order.refund_requested,
        "refunded_at": order.refunded_at,
        "refund_reason": order.refund_reason,
        **spelled_texts(order, ("source", "coupon"), FOLDED),
    }


def signal_columns(signal: r.Signal) -> Columns:
    """Return the columns of a signal, without id, hash, person and course."""
    return {"host_id": signal.id, "kind": signal.kind, "at": signal.at, "count": signal.count}


_COLUMNS: dict[type[Any], Callable[[Any], Columns]] = {
    r.Course: course_columns,
    r.Enrolment: enrolment_columns,
    r.Order: order_columns,
    r.Signal: signal_columns,
}
