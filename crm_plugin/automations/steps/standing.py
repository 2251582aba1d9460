"""The people whose step is due, with all that decides about them, and who of them is to stop."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.automations.language.causes import HELD, CauseDate
from crm_plugin.automations.language.document import Cause, cause_date
from crm_plugin.automations.models import Automation, Member
from crm_plugin.campaigns.policy.course_state import open_roots
from crm_plugin.profiles.models.school import Course, Order, Person

MOST = 5_000
"""People carried on at once: a condition may name 10,000 values, and theirs are not the only ones."""


@dataclass(slots=True)
class Standing:
    """A person in an automation whose step is due."""

    id: int
    person_id: int
    host_id: str
    step: int
    due: datetime
    at: datetime
    root_id: int
    row_id: int
    order: str = ""
    """The school's id of the cause's order."""
    deadline: datetime | None = None
    level: str = ""
    state: str = "active"
    reason: str | None = None

    def stop(self, reason: str) -> None:
        """End it before its last step."""
        self.state, self.reason = "stopped", reason


def due(session: Session, row: Automation, now: datetime) -> list[Standing]:
    """Return who is due, the longest waiting first; those whose cause is over have stopped."""
    about = cause_date(row.document["trigger"])
    model = about.model if about else Person
    deadline = getattr(model, about.deadline) if about and about.deadline else sa.null()
    moved = getattr(model, about.column) if about and about.moves else Member.at
    order = Order.host_id if model is Order else sa.literal("")
    query = (
        sa.select(
            *(Member.id, Member.person_id, Person.host_id, Member.step, Member.due_at, Member.at),
            *(Member.root_id, Member.row_id, order, deadline, Person.member_level),
            *(Person.status, Person.merged_into, Person.is_staff),
            *(_over(about, now), moved != Member.at),
        )
        .outerjoin(Person, Person.id == Member.person_id)
        .where(Member.automation_id == row.id, Member.state == "active", Member.due_at <= now)
        .order_by(Member.due_at, Member.id)
        .limit(MOST)
    )
    if model is not Person:
        query = query.outerjoin(model, model.id == Member.row_id)
    return [_standing(tuple(one)) for one in session.execute(query)]


def _over(about: CauseDate | None, now: datetime) -> Any:
    """Return why a cause is over, as an expression; NULL while it is not."""
    if about is None:
        return sa.null()
    alive = about.lives(now)
    if about.model is Order and about.key.startswith(("order_created", "order_closes")):
        return sa.case((alive, None), (Order.state.in_(HELD), "paid"), else_="closed")
    return sa.case((alive, None), else_=about.stopped)


def _standing(row: Sequence[Any]) -> Standing:
    ident, person_id, host_id, step, due_at, at, root_id, row_id, order, deadline, level, *rest = row
    status, merged, staff, over, moved = rest
    found = Standing(
        *(ident, person_id, host_id or "", step, due_at, at, root_id, row_id),
        *(order or "", deadline, level or ""),
    )
    if status != "active" or merged is not None:
        found.stop("status")
    elif staff:
        found.stop("staff")
    elif over is not None:
        found.stop(over)
    elif moved:
        found.stop("moved")
    return found


def cause_of(people: Iterable[Standing], course: str) -> Cause:
    """Return what people with one course have in common."""
    some = list(people)
    orders = tuple(sorted({one.order for one in some if one.order}))
    until = max(one.at for one in some).isoformat()
    return Cause(course, orders, until, some[0].level)


def courses(session: Session, people: Iterable[Standing]) -> dict[int, Course]:
    """Return the root courses of the causes, by our ids."""
    ids = {one.root_id for one in people if one.root_id}
    return {one.id: one for one in session.scalars(sa.select(Course).where(Course.id.in_(ids)))}


def closed(session: Session, roots: Iterable[int], now: datetime) -> set[int]:
    """Return which of these root courses take nobody any more, with all their copies and plans."""
    wanted = sorted(set(roots))
    return set(wanted) - set(session.scalars(open_roots(now).where(Course.root_id.in_(wanted))))
