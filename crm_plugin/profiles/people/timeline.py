"""A person's timeline: one list of moments from many sources, filtered by source and paged by time.

Each of the :func:`sources` is a kind that readers can choose. It returns its newest moments up to an
instant, so that a page reads a few rows of each source however long the whole timeline is.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.kernel.clock import parse_instant
from crm_plugin.kernel.db.types import UtcDateTime
from crm_plugin.kernel.errors import BadInput, Clause
from crm_plugin.profiles.extension import Moment, PersonExtension, Source, Window
from crm_plugin.profiles.models.school import Course, Enrolment, Order, OrderLine, Signal
from crm_plugin.profiles.models.staff import FollowUp, FollowUpChange
from crm_plugin.profiles.store.course_scope import Scope, of_courses
from crm_plugin.profiles.store.enrolment_state import end_time_at


@dataclass(frozen=True)
class Stretch:
    """A page of a timeline; ``next`` is where the one after it begins, None at the end."""

    moments: list[Moment]
    next: str | None


def sources(crm: Crm) -> dict[str, Source]:
    """Return the sources of this application by name, in the order of a menu."""
    found: dict[str, Source] = {}
    for extension in crm.contributed(PersonExtension):
        found.update(extension.timeline)
    return found


def timeline(
    crm: Crm,
    session: Session,
    person_id: int,
    window: Window,
    *,
    only: Collection[str] = (),
    after: str | None = None,
) -> Stretch:
    """Return what happened with a person, the newest first.

    :param window: how many, and who reads; its ``until`` is replaced by ``after``.
    :param only: names of sources; none = all of them.
    :param after: ``next`` of the page before.
    :raises BadInput: ``input.bad`` for another ``after``.
    """
    until, skipped = _place(after)
    # One more than is shown: so we know whether there is another page.
    wanted = replace(window, until=until, now=crm.clock(), limit=window.limit + skipped + 1)
    moments: list[Moment] = []
    for name, source in sources(crm).items():
        if not only or name in only:
            moments += [replace(one, source=name) for one in source(session, person_id, wanted)]
    moments.sort(key=lambda moment: moment.at, reverse=True)
    shown = moments[skipped : skipped + window.limit]
    more = len(moments) > skipped + window.limit
    return Stretch(shown, _next(shown, until, skipped) if more else None)


def _place(after: str | None) -> tuple[datetime | None, int]:
    """Read a place: an instant, and how many moments of exactly that instant were shown already."""
    if after is None:
        return None, 0
    text, _, skipped = after.partition("~")
    try:
        until, count = parse_instant(text), int(skipped)
    except ValueError:
        raise BadInput("input.bad", "after", reason=Clause("expected a position in a list")) from None
    if not 0 <= count <= _MOST_SKIPPED:
        raise BadInput("input.bad", "after", reason=Clause("expected a position in a list"))
    return until, count


_MOST_SKIPPED = 10_000


def _next(shown: Sequence[Moment], until: datetime | None, skipped: int) -> str:
    last = shown[-1].at
    same = sum(moment.at == last for moment in shown)
    return f"{last.isoformat()}~{same + (skipped if last == until else 0)}"


def _purchases(session: Session, person_id: int, window: Window) -> list[Moment]:
    bought = sa.func.coalesce(Order.paid_at, Order.created_at, type_=UtcDateTime())
    paid = sa.case((Order.paid_at.is_not(None), "paid"), else_="ordered")
    back = sa.literal("refunded")
    kinds = [(bought, paid, Order.amount), (Order.refunded_at, back, Order.refunded)]
    each = [_orders(person_id, window, columns).subquery() for columns in kinds]
    found = session.execute(sa.union_all(*(sa.select(one) for one in each))).all()
    rows = sorted(found, key=lambda row: (row.at, row.id), reverse=True)
    titles = _titles(session, [row.id for row in rows], window.scope)
    return [_purchase(row, titles.get(row.id, "")) for row in rows]


def _purchase(row: Any, title: str) -> Moment:
    details = {"amount": row.amount, "currency": row.currency, "state": row.state}
    return Moment(row.at, row.kind, title, details)


def _orders(person_id: int, window: Window, columns: tuple[Any, Any, Any]) -> Any:
    at, kind, amount = columns
    named = (at.label("at"), kind.label("kind"), amount.label("amount"))
    query = sa.select(Order.id, *named, Order.currency, Order.state).where(Order.person_id == person_id)
    if window.scope is not None:
        theirs = sa.select(OrderLine.order_id).where(
            OrderLine.person_id == person_id, of_courses(OrderLine.root_id, window.scope)
        )
        query = query.where(Order.id.in_(theirs))
    return window.newest(query, at, Order.id.desc())


def _titles(session: Session, orders: Sequence[int], scope: Scope) -> dict[int, str]:
    query = (
        sa.select(OrderLine.order_id, sa.func.coalesce(Course.title, OrderLine.item_host_id, OrderLine.kind))
        .outerjoin(Course, Course.id == OrderLine.course_id)
        .where(OrderLine.order_id.in_(orders), of_courses(OrderLine.root_id, scope))
        .order_by(OrderLine.order_id, OrderLine.position)
    )
    found: dict[int, list[str]] = {}
    for order, title in session.execute(query):
        found.setdefault(order, []).append(title)
    return {order: ", ".join(titles) for order, titles in found.items()}


def _learning(session: Session, person_id: int, window: Window) -> list[Moment]:
    steps = (
        ("enrolled", Enrolment.enrolled_at),
        ("completed", Enrolment.completed_at),
        ("ended", end_time_at(Enrolment, window.now)),
    )
    each = [_seats(person_id, window, kind, at).subquery() for kind, at in steps]
    each.append(_acts(person_id, window, Signal.kind == "learn").subquery())
    rows = session.execute(sa.union_all(*(sa.select(one) for one in each))).all()
    return [_act(row) for row in sorted(rows, key=lambda row: (row.at, row.id), reverse=True)]


def _seats(person_id: int, window: Window, kind: str, at: Any) -> Any:
    query = (
        sa.select(Enrolment.id, at.label("at"), Course.title, sa.literal(kind).label("kind"), _NO_COUNT)
        .join(Course, Course.id == Enrolment.course_id)
        .where(Enrolment.person_id == person_id, of_courses(Enrolment.root_id, window.scope))
    )
    return window.newest(query, at, Enrolment.id.desc())


def _signals(session: Session, person_id: int, window: Window) -> list[Moment]:
    query = _acts(person_id, window, Signal.kind != "learn")
    return [_act(row) for row in session.execute(query)]


_NO_COUNT = sa.cast(sa.null(), sa.Integer).label("count")


def _act(row: Any) -> Moment:
    # A name of a row that tuples have too: it is no attribute.
    count = row._mapping["count"]
    return Moment(row.at, row.kind, row.title or "", {} if count is None else {"count": count})


def _acts(person_id: int, window: Window, which: Any) -> Any:
    query = (
        sa.select(Signal.id, Signal.at, Course.title, Signal.kind, Signal.count)
        .outerjoin(Course, Course.id == Signal.course_id)
        .where(Signal.person_id == person_id, which, of_courses(Signal.root_id, window.scope))
    )
    return window.newest(query, Signal.at, Signal.id.desc())


def _notes(session: Session, person_id: int, window: Window) -> list[Moment]:
    line = FollowUpChange
    theirs = sa.select(line.author_name).where(line.person_id == person_id, line.follow_up_id == FollowUp.id)
    changed_by = theirs.order_by(line.id.desc()).limit(1).scalar_subquery()
    columns = (FollowUp.at, FollowUp.kind, FollowUp.text, FollowUp.author_name, changed_by)
    query = sa.select(*columns).where(FollowUp.person_id == person_id)
    rows = session.execute(window.newest(query, FollowUp.at, FollowUp.id.desc()))
    return [
        Moment(at, kind, text, {"author": author} | ({"changed_by": changed} if changed else {}))
        for at, kind, text, author, changed in rows
    ]


TIMELINE: dict[str, Source] = {
    "purchases": _purchases,
    "learning": _learning,
    "signals": _signals,
    "notes": _notes,
}
"""The profiles' own sources."""
