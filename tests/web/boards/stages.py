"""A school with somebody in each stage of a course and of a class that contains it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from crm_plugin.host import records as r
from tests.fakes.crm import NOW

DAY = timedelta(days=1)
PEOPLE = {
    "potential": ("viewer", "fan"),
    "pending": ("owing", "late"),
    "upcoming": ("soon",),
    "learners": ("fast", "half", "slow", "done", "even", "idle"),
    "left": ("gone", "sent", "angry"),
    "expired": ("over",),
    "closed_unpaid": ("closed",),
}
"""Stage → the school's ids of who is there, for the course ``b1``; ``closed`` is potential as well."""


def _order(who: str, state: str, amount: str, **times: Any) -> r.Order:
    line = r.OrderLine("course", "b1", Decimal(amount), times.pop("line_refunded", Decimal(0)))
    return r.Order(
        f"bo-{who}", who, state, Decimal(amount), times.pop("currency", "CNY"), lines=(line,), **times
    )


def _seat(who: str, state: str = "active", **more: Any) -> r.Enrolment:
    return r.Enrolment(f"be-{who}", who, "b1", state=state, **more)


def _learner(who: str, progress: float, **more: Any) -> r.Enrolment:
    since = {"enrolled_at": NOW - 20 * DAY, "last_learned_at": NOW - DAY}
    return _seat(who, progress=progress, **{**since, **more})


def books() -> list[Any]:
    """What the school says."""
    names = [name for names in PEOPLE.values() for name in names]
    people = [
        r.Person(one, display_name=one.title(), phone=f"1390013{place:04}", email=f"{one}@example.com")
        for place, one in enumerate(names)
    ]
    return [
        r.Course("b1", "Drums", price=Decimal(200), currency="CNY", status="published"),
        r.Course("k1", "Band", kind="class", course_ids=("b1",), status="published"),
        r.Course("n1", "Rhythm", status="published"),
        *people,
        r.Signal("bs-viewer", "viewer", "view", NOW - 3 * DAY, course_id="b1", count=4),
        r.Signal("bs-viewer2", "viewer", "trial", NOW - 2 * DAY, course_id="b1"),
        r.Signal("bs-fan", "fan", "favourite", NOW - 40 * DAY, course_id="b1"),
        r.Signal("bs-fan2", "fan", "view", NOW - 5 * DAY, course_id="k1"),
        _order("owing", "pending", "200", created_at=NOW - DAY, closes_at=NOW + DAY / 12),
        _order("late", "pending", "150.50", created_at=NOW - 5 * DAY, closes_at=NOW + 2 * DAY),
        _order("closed", "closed", "200", created_at=NOW - 9 * DAY, closed_at=NOW - 8 * DAY),
        _seat("soon", starts_at=NOW + 4 * DAY),
        *(_learner("fast", 0.9), _learner("half", 0.5), _learner("even", 0.6), _learner("slow", 0.05)),
        _learner("done", 1.0, completed_at=NOW - 2 * DAY),
        _learner("idle", 0.4, last_learned_at=NOW - 25 * DAY, expires_at=NOW + 10 * DAY),
        _seat("gone", "ended", ended_at=NOW - 3 * DAY, end_kind="refund", end_reason="Too hard"),
        _seat("angry", "ended", ended_at=NOW - 40 * DAY, end_kind="left", end_reason="Too hard"),
        _seat("sent", "ended", ended_at=NOW - 4 * DAY, end_kind="removed"),
        _order(
            "gone", "refunded", "200", created_at=NOW - 30 * DAY, paid_at=NOW - 30 * DAY,
            refunded=Decimal(200), line_refunded=Decimal(200), refunded_at=NOW - 3 * DAY,
        ),
        _seat("over", expires_at=NOW - 6 * DAY),
    ]  # fmt: skip
