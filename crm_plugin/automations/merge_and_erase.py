"""Whose place in an automation is whose: when two people turn out to be one, and when one is erased."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from crm_plugin.automations.models import Automation, Inside, Member
from crm_plugin.kernel.db.bulk import among


def merge(session: Session, source: int, target: int) -> None:
    """Let the places of one account go over to the one that remains; again = no change.

    Where both were in for one cause, or both are in a chase of one kind, that of the one that remains counts:
    nobody gets the same twice.
    """
    other = aliased(Member)
    same = sa.select(Member.id).join(
        other,
        sa.and_(
            *(other.automation_id == Member.automation_id, other.cause == Member.cause),
            other.person_id == target,
        ),
    )
    twice = session.scalars(same.where(Member.person_id == source)).all()
    _run(session, sa.delete(Member).where(Member.id.in_(twice)))
    busy = session.scalars(
        sa.select(Member.chase).where(Member.person_id == target, Member.chase.is_not(None))
    ).all()
    mine = sa.update(Member).where(Member.person_id == source)
    over: dict[str, Any] = {"state": "stopped", "reason": "merged", "chase": None}
    _run(session, mine.where(Member.chase.in_(busy)).values(**over))
    _run(session, mine.values(person_id=target))
    _merge_inside(session, source, target)


def _merge_inside(session: Session, source: int, target: int) -> None:
    """People who were in a segment as the one account do not enter it as the other."""
    columns = (Inside.automation_id, Inside.root_id)
    there = {tuple(one) for one in session.execute(sa.select(*columns).where(Inside.person_id == target))}
    for automation_id, root_id in session.execute(
        sa.select(*columns).where(Inside.person_id == source)
    ).all():
        row = (Inside.automation_id == automation_id, Inside.root_id == root_id)
        theirs = (*row, Inside.person_id == source)
        if (automation_id, root_id) in there:
            _run(session, sa.delete(Inside).where(*theirs))
        else:
            _run(session, sa.update(Inside).where(*theirs).values(person_id=target))


def erase(session: Session, ids: Sequence[int]) -> None:
    """Stop these people's chases; the rows stay for the numbers, of nobody then."""
    _run(session, sa.delete(Inside).where(among(session, Inside.person_id, ids)))
    active = (among(session, Member.person_id, ids), Member.state == "active")
    over: dict[str, Any] = {"state": "stopped", "reason": "status", "chase": None}
    _run(session, sa.update(Member).where(*active).values(**over))


def held_on(session: Session, person_id: int) -> list[dict[str, Any]]:
    """Return the automations that a person was in, for their right of access."""
    query = (
        sa.select(Automation.name, Member.entered_at, Member.at, Member.state, Member.reason)
        .outerjoin(Automation, Automation.id == Member.automation_id)
        .where(Member.person_id == person_id)
        .order_by(Member.id)
    )
    return [
        {
            **{"automation": name, "entered_at": entered_at.isoformat(), "about": at.isoformat()},
            **{"state": state, "reason": reason},
        }
        for name, entered_at, at, state, reason in session.execute(query)
    ]


def _run(session: Session, statement: Any) -> None:
    session.execute(statement.execution_options(synchronize_session=False))
