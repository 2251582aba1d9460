"""Each rule about a row, broken once: the row is set aside with the field's name, its page is taken."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from crm_plugin.host import records as r
from crm_plugin.host.answer_checks import id_problem
from crm_plugin.host.row_checks import check_rows

AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "persons": r.Person(
        "p1",
        display_name="名字 \U0001f600",
        birthday=date(2001, 2, 3),
        registered_at=AT,
        member_rank=-1,
        roles=["learner", "teacher"],
        tags=("a", ""),
        consents=[r.Consent("sms", False, at=AT)],
        attributes={"source": "fair", "n": 3, "vip": True, "x": None},
    ),
    "courses": r.Course("c1", "Python", price=Decimal("19.90"), currency="EUR", category=["IT"], capacity=0),
    "enrolments": r.Enrolment("e1", "p1", "c1", progress=0.5, end_kind="left", expires_at=AT),
    "orders": r.Order(
        "o1", "p1", "paid", Decimal("9.9999"), "CNY", lines=[r.OrderLine("course", "c1", Decimal(-1))]
    ),
    "signals": r.Signal("s1", "p1", "view", AT, "c1", 4),
}
BROKEN: list[tuple[str, str, Any]] = [
    *[("persons", "id", value) for value in ("", 7, None, "x" * 192, "a\0b", "\ud800", b"p1")],
    ("persons", "status", "bored"),
    ("persons", "status", ["active"]),
    ("persons", "display_name", None),
    ("persons", "email", "a\0@b.c"),
    ("persons", "email_verified", 1),
    ("persons", "phone", 7700900001),
    ("persons", "country", "x" * 256),
    ("persons", "birthday", AT),
    ("persons", "birthday", date(1, 1, 1)),
    ("persons", "registered_at", datetime(2026, 1, 1)),
    ("persons", "registered_at", 1795297055),
    ("persons", "registered_at", AT.astimezone(timezone(timedelta(hours=8)))),
    ("persons", "last_login_at", datetime(1, 1, 1, tzinfo=UTC)),
    ("persons", "member_rank", 2**31),
    ("persons", "member_rank", True),
    ("persons", "roles", "learner"),
    ("persons", "roles", ("boss",)),
    ("persons", "tags", {"a"}),
    ("persons", "tags", ("x" * 192,)),
    ("persons", "consents", ({"channel": "sms"},)),
    ("persons", "consents", (r.Consent("fax", True),)),
    ("persons", "consents", (r.Consent("sms", "yes"),)),  # type: ignore[arg-type]
    ("persons", "consents", (r.Consent("sms", True, at=datetime(2026, 1, 1)),)),
    ("persons", "attributes", [("a", "b")]),
    ("persons", "attributes", {"a": 1.5}),
    ("persons", "attributes", {"x" * 65: "b"}),
    ("persons", "attributes", {"a": "\ud800"}),
    ("persons", "merged_into", "p1"),
    ("courses", "title", None),
    ("courses", "kind", "seminar"),
    ("courses", "parent_id", "c1"),
    ("courses", "price", 19.9),
    ("courses", "price", Decimal("-1")),
    ("courses", "price", Decimal("NaN")),
    ("courses", "currency", "eur"),
    ("courses", "currency", None),
    ("courses", "capacity", -1),
    ("courses", "teacher_ids", ("",)),
    ("enrolments", "person_id", None),
    ("enrolments", "role", "boss"),
    ("enrolments", "state", "gone"),
    ("enrolments", "source", None),
    ("enrolments", "end_kind", "died"),
    ("enrolments", "progress", 50),
    ("enrolments", "progress", float("nan")),
    ("enrolments", "expires_at", "2026-01-01"),
    ("orders", "state", "new"),
    ("orders", "amount", 9.9),
    ("orders", "amount", Decimal("0.00001")),
    ("orders", "amount", Decimal(10) ** 14),
    ("orders", "amount", Decimal("Infinity")),
    ("orders", "currency", "EURO"),
    ("orders", "refunded", None),
    ("orders", "lines", (r.OrderLine("lesson"),)),
    ("orders", "lines", None),
    ("orders", "coupon", "x" * 256),
    ("signals", "kind", "sneeze"),
    ("signals", "at", None),
    ("signals", "count", 0),
    ("signals", "count", 1.0),
]


@pytest.mark.parametrize("stream", r.STREAMS)
def test_a_good_row_is_taken(stream: str) -> None:
    assert check_rows(stream, [GOOD[stream]]) == ([GOOD[stream]], [])


@pytest.mark.parametrize(("stream", "field", "value"), BROKEN)
def test_a_broken_field_sets_its_row_aside(stream: str, field: str, value: Any) -> None:
    other = replace(GOOD[stream], id="other")
    good, bad = check_rows(stream, [replace(GOOD[stream], **{field: value}), other])
    assert good == [other]
    assert [row.reason.split(":")[0] for row in bad] == [field]
    assert id_problem(bad[0].id) is None


def test_an_id_twice_on_a_page() -> None:
    good, bad = check_rows("persons", [r.Person("a"), r.Person("a")])
    assert len(good) == 1
    assert [row.id for row in bad] == ["a"]


def test_a_row_of_another_class_is_no_row() -> None:
    with pytest.raises(TypeError):
        check_rows("persons", [r.Person("a"), None])
