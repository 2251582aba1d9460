"""Turns the rows of the reference school into records of the contract; ``demo_school.py`` hands them out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import sqlalchemy as sa

from crm_plugin.demo.models import (
    CURRENCY,
    Activity,
    Base,
    Category,
    ClassCourse,
    Consent,
    Course,
    Enrolment,
    Level,
    Order,
    OrderLine,
    User,
    split,
)
from crm_plugin.host import records as r
from crm_plugin.host.sql import Source, Trace

Rows = Sequence[Any]
# What a person may have elsewhere and this school does not keep.
_UNKNOWN = ("email_stopped", "timezone", "country", "attributes")
FIELDS: Mapping[str, Sequence[str]] = {
    stream: [field.name for field in fields(record) if field.name not in _UNKNOWN]
    for stream, record in r.RECORDS.items()
}


def _converter(name: str) -> Callable[[Any], Any] | None:
    """Return what turns a column of this name into the record's field of the same name."""
    if name == "at" or name.endswith(("_at", "_since", "_until")):
        return lambda seconds: datetime.fromtimestamp(seconds, UTC)
    if name in ("price", "amount", "refunded", "refund_requested"):
        return lambda cents: Decimal(cents).scaleb(-2)
    if name == "id" or name.endswith("_id"):
        return str
    return {"tags": _words, "roles": _words, "birthday": date.fromisoformat}.get(name)


def _words(text: str) -> tuple[str, ...]:
    return tuple(split(text))


@cache
def _plan(record: Any, columns: tuple[str, ...]) -> list[tuple[str, Callable[[Any], Any] | None]]:
    names = {field.name for field in fields(record)}
    return [(name, _converter(name)) for name in columns if name in names]


def _same(record: Any, row: Any) -> dict[str, Any]:
    """Return the fields of a record that the row keeps under the same name, in the contract's types."""
    found = {}
    for name, convert in _plan(record, row._fields):
        value = getattr(row, name)
        found[name] = value if convert is None or value is None else convert(value)
    return found


def _grouped(connection: sa.Connection, owner: Any, ids: Iterable[int]) -> dict[int, list[Any]]:
    """Return the rows of a table by its column ``owner``: one query a page, never one a row."""
    groups: dict[int, list[Any]] = defaultdict(list)
    found = sa.select(owner.table, owner.label("_owner")).where(owner.in_(list(ids)))
    for row in connection.execute(found.order_by(*owner.table.primary_key)):
        groups[row._owner].append(row)
    return groups


def _persons(connection: sa.Connection, rows: Rows) -> list[r.Record]:
    said = _grouped(connection, _column(Consent, "user_id"), [row.id for row in rows])
    levels = {level.id: level for level in connection.execute(sa.select(Level.__table__))}
    return [_person(row, levels.get(row.level_id), said[row.id]) for row in rows]


def _person(row: Any, level: Any, said: Rows) -> r.Person:
    merged = row.merged_into_id
    return r.Person(
        **_same(r.Person, row),
        member_level=level.name if level else None,
        member_rank=level.rank if level else None,
        consents=tuple(r.Consent(**_same(r.Consent, one)) for one in said),
        merged_into=None if merged is None else str(merged),
    )


def _courses(connection: sa.Connection, rows: Rows) -> list[r.Record]:
    parts = _grouped(connection, _column(ClassCourse, "class_id"), [row.id for row in rows])
    shelves = {shelf.id: shelf for shelf in connection.execute(sa.select(Category.__table__))}
    return [_course(row, shelves, parts[row.id]) for row in rows]


def _course(row: Any, shelves: Mapping[int, Any], parts: Rows) -> r.Course:
    shelf = shelves[row.category_id]
    above = shelves.get(shelf.parent_id)
    return r.Course(
        **_same(r.Course, row),
        category=(above.name, shelf.name) if above else (shelf.name,),
        currency=CURRENCY,
        teacher_ids=(str(row.teacher_id),) if row.teacher_id else (),
        course_ids=tuple(str(part.course_id) for part in parts),
    )


def _enrolments(_connection: sa.Connection, rows: Rows) -> list[r.Record]:
    return [r.Enrolment(person_id=str(row.user_id), **_same(r.Enrolment, row)) for row in rows]


def _orders(connection: sa.Connection, rows: Rows) -> list[r.Record]:
    lines = _grouped(connection, _column(OrderLine, "order_id"), [row.id for row in rows])
    return [
        r.Order(
            person_id=str(row.user_id),
            currency=CURRENCY,
            lines=tuple(r.OrderLine(**_same(r.OrderLine, line)) for line in lines[row.id]),
            **_same(r.Order, row),
        )
        for row in rows
    ]


def _signals(_connection: sa.Connection, rows: Rows) -> list[r.Record]:
    return [r.Signal(person_id=str(row.user_id), **_same(r.Signal, row)) for row in rows]


def _column(model: type[Base], name: str) -> Any:
    return model.__table__.c[name]


_TABLES: Mapping[str, tuple[type[Base], Any]] = {
    "persons": (User, _persons),
    "courses": (Course, _courses),
    "enrolments": (Enrolment, _enrolments),
    "orders": (Order, _orders),
    "signals": (Activity, _signals),
}


def _source(model: type[Base], build: Any) -> Source:
    rows = sa.select(model.__table__)
    if model is Activity:
        # A favourite that was taken out keeps its row, so that its going leaves a trace.
        rows = rows.where(_column(Activity, "removed_at").is_(None))
    return Source(rows, _column(model, "id"), build)


def _trace(model: type[Base]) -> Trace:
    return Trace(_column(model, "updated_at"), _column(model, "id"), _column(model, "id"))


SOURCES: Mapping[str, Sequence[Source]] = {
    stream: [_source(model, build)] for stream, (model, build) in _TABLES.items()
}
TRACES: Mapping[str, Sequence[Trace]] = {
    stream: [_trace(model)] for stream, (model, _build) in _TABLES.items()
}
