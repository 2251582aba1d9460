"""Reads of automations, for pages, the API and the engine; everything comes back as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.automations.language.document import WAIT, kind_of
from crm_plugin.automations.models import Automation, Member
from crm_plugin.campaigns.reporting import step_books
from crm_plugin.host.context import Crm
from crm_plugin.host.in_use import Users
from crm_plugin.host.permissions import need, sees_work
from crm_plugin.host.records import Actor
from crm_plugin.kernel.errors import Clause, NotFound
from crm_plugin.profiles.store.course_scope import in_scope
from crm_plugin.segments.language.mentions import mentions

STATES = ("draft", "on", "paused", "ended")
LIVE = ("draft", "on", "paused")


@dataclass(slots=True)
class AutomationRow:
    """An automation as pages show it."""

    id: int
    name: str
    state: str
    document: dict[str, Any]
    searches: dict[str, Any] | None
    revision: int
    scope: list[str] | None
    contacts: bool
    created_by: str
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    since: datetime | None
    next_look_at: datetime | None
    looks: int
    ended_at: datetime | None
    removed_at: datetime | None

    def file(self) -> dict[str, Any]:
        """Return it as its file, to edit or to copy."""
        return {"name": self.name, **self.document}


@dataclass(slots=True)
class StepCount:
    """The people of one step."""

    waiting: int = 0
    """Stand at it now: of a wait, the people whose time is not over."""
    stopped: dict[str, int] = field(default_factory=dict)
    """Reason → people who stopped there."""
    campaigns: int = 0
    """Child campaigns that it made."""
    sent: int = 0
    """Messages handed over: sending, sent, delivered, unknown."""
    states: dict[str, int] = field(default_factory=dict)
    """State of the ledger → messages."""
    excluded: dict[str, int] = field(default_factory=dict)
    """Reason of the ledger → people who got no message of it."""


@dataclass(slots=True)
class Counts:
    """The people of an automation."""

    entered: int = 0
    active: int = 0
    done: int = 0
    stopped: dict[str, int] = field(default_factory=dict)
    """Reason → people, over all steps."""
    steps: list[StepCount] = field(default_factory=list)
    stuck: list[tuple[int, str, str | None]] = field(default_factory=list)
    """(id, state, reason) of its child campaigns that wait for a person; until then it sends nothing more."""


@dataclass(frozen=True, slots=True)
class Inside:
    """A person who is in an automation now."""

    id: int
    person_id: int
    step: int
    """The step that they stand before."""
    entered_at: datetime
    due_at: datetime


def is_visible(row: Automation | AutomationRow, actor: Actor) -> bool:
    """Return whether an actor may see an automation: staff limited to some courses see their own."""
    return sees_work(actor, row.created_by, row.scope)


def one(session: Session, actor: Actor, automation_id: int, permission: str = "crm.view") -> Automation:
    """Return an automation that the actor may see and has the permission for.

    :raises Refused: ``access.refused``.
    :raises NotFound: ``object.missing``, also for a deleted one and one that the actor may not see.
    """
    need(actor, permission)
    found = session.get(Automation, automation_id, populate_existing=True)
    if found is None or found.removed_at is not None or not is_visible(found, actor):
        raise NotFound("object.missing", kind=Clause("automation"), id=automation_id)
    return found


def locked(session: Session, automation_id: int) -> Automation | None:
    """Lock an automation's row and return it; None of a deleted one.

    Looks, steps and changes of its state take turns by this lock.
    """
    query = sa.select(Automation).where(Automation.id == automation_id, Automation.removed_at.is_(None))
    return session.scalar(query.with_for_update().execution_options(populate_existing=True))


def get(crm: Crm, actor: Actor, automation_id: int, permission: str = "crm.view") -> AutomationRow:
    """Return the same as plain values."""
    with crm.db.read() as session:
        return row_of(one(session, actor, automation_id, permission))


def row_of(automation: Automation) -> AutomationRow:
    """Return an automation as plain values, which may leave its session."""
    return AutomationRow(**{name: getattr(automation, name) for name in AutomationRow.__slots__})


def list_for(crm: Crm, actor: Actor) -> list[tuple[AutomationRow, Counts]]:
    """Return the automations that the actor may see with the people in them, the newest first."""
    need(actor, "crm.view")
    query = sa.select(Automation).where(Automation.removed_at.is_(None)).order_by(Automation.id.desc())
    with crm.db.read() as session:
        rows = [row_of(each) for each in session.scalars(query)]
        numbers = _members(session, [row.id for row in rows])
        return [(row, numbers[row.id]) for row in rows if is_visible(row, actor)]


def removed(crm: Crm, actor: Actor) -> list[AutomationRow]:
    """Return the deleted automations that the actor may restore, the last deleted first."""
    need(actor, "crm.send")
    query = sa.select(Automation).where(Automation.removed_at.is_not(None))
    with crm.db.read() as session:
        rows = [
            row_of(each) for each in session.scalars(query.order_by(Automation.removed_at.desc()).limit(20))
        ]
    return [row for row in rows if is_visible(row, actor)]


def inside(crm: Crm, actor: Actor, automation_id: int, *, after: int = 0, limit: int = 50) -> list[Inside]:
    """Return the people who are in an automation now, as far as the actor may see them.

    :param after: the number of the last one seen.
    """
    query = sa.select(Member).where(
        *(Member.automation_id == automation_id, Member.state == "active", Member.id > after),
        in_scope(Member.person_id, actor.scope),
    )
    with crm.db.read() as session:
        one(session, actor, automation_id)
        rows = session.scalars(query.order_by(Member.id).limit(limit))
        return [Inside(row.id, row.person_id, row.step, row.entered_at, row.due_at) for row in rows]


def counts(crm: Crm, actor: Actor, automation_id: int) -> Counts:
    """Return the people of an automation: of each step how many wait, got it, and stopped, and why."""
    with crm.db.read() as session:
        row = row_of(one(session, actor, automation_id))
        return _counts(session, row, crm.clock())


def _counts(session: Session, row: AutomationRow, now: datetime) -> Counts:
    found = _members(session, [row.id])[row.id]
    steps = row.document["steps"]
    found.steps = [StepCount() for _ in steps]
    later = sa.case((Member.due_at > now, 1), else_=0).label("later")
    by_step = (
        sa.select(Member.step, Member.state, Member.reason, later, sa.func.count())
        .where(Member.automation_id == row.id, Member.state != "done")
        .group_by(Member.step, Member.state, Member.reason, later)
    )
    for step, state, reason, is_later, number in session.execute(by_step):
        if step >= len(steps):
            continue
        if state == "active":
            found.steps[_stands_at(steps, step) if is_later else step].waiting += number
        else:
            found.steps[step].stopped[reason or ""] = number + found.steps[step].stopped.get(reason or "", 0)
    for step, books in step_books.of_parent(session, row.id).items():
        one_step = found.steps[step]
        one_step.campaigns, one_step.states, one_step.excluded = books.campaigns, books.states, books.excluded
        one_step.sent = books.handed_over
    found.stuck = step_books.stuck(session, row.id)
    return found


def _stands_at(steps: Sequence[Mapping[str, Any]], step: int) -> int:
    """Return the wait that people are in whose next step is due later: the one right before that step."""
    return step - 1 if step and kind_of(steps[step - 1]) == WAIT else step


def _members(session: Session, ids: list[int]) -> dict[int, Counts]:
    found = {ident: Counts() for ident in ids}
    query = (
        sa.select(Member.automation_id, Member.state, Member.reason, sa.func.count())
        .where(Member.automation_id.in_(ids))
        .group_by(Member.automation_id, Member.state, Member.reason)
    )
    for ident, state, reason, number in session.execute(query):
        mine = found[ident]
        mine.entered += number
        if state == "stopped":
            mine.stopped[reason or ""] = number
        else:
            setattr(mine, state, getattr(mine, state) + number)
    return found


def uses_query(session: Session, query_id: int, actor: Actor) -> Users:
    """Return the automations that need a quick query, as an actor may see them."""
    return [_name(row, actor) for row in _live(session) if mentions(row.document, query_id)]


def uses_topic(session: Session, topic_id: int, actor: Actor) -> Users:
    """Return the automations about a topic that have not ended."""
    return [_name(row, actor) for row in _live(session) if row.document.get("topic") == topic_id]


def uses_template(session: Session, key: str, ended: bool, actor: Actor) -> Users:
    """Return the automations that send an SMS template, or are to.

    :param ended: also those that have ended.
    """
    rows = _live(session, STATES if ended else LIVE)
    return [_name(row, actor) for row in rows if key in _templates(row.document)]


def _templates(document: Mapping[str, Any]) -> set[str]:
    return {step["send"].get("template", "") for step in document["steps"] if "send" in step}


def _live(session: Session, states: tuple[str, ...] = LIVE) -> list[Automation]:
    query = sa.select(Automation).where(Automation.removed_at.is_(None), Automation.state.in_(states))
    return list(session.scalars(query.order_by(Automation.id)))


def _name(row: Automation, actor: Actor) -> str | None:
    return row.name if is_visible(row, actor) else None
