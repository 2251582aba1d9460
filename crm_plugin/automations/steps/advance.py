"""What is due in an automation, carried out: conditions decided, messages handed to campaigns of their own.

Nothing here sends. The people of a step become a campaign, made and started in the transaction that moves
them on. A worker may die anywhere: each of them is before the step or has a row in the ledger, never both.
From there on it is a campaign as any other, with consent, caps, quiet hours and the goal decided once more.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.automations.conditions import fulfilled, present_of
from crm_plugin.automations.language.document import IF, LEVEL, SEND, UNTIL, bound, places_in
from crm_plugin.automations.models import Automation, Member
from crm_plugin.automations.queries import locked
from crm_plugin.automations.steps import messages, standing
from crm_plugin.automations.steps.standing import Standing
from crm_plugin.automations.steps.walk import Walk
from crm_plugin.campaigns.composing import children
from crm_plugin.campaigns.delivery.wakeups import wake
from crm_plugin.campaigns.reporting import step_books
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.bulk import among
from crm_plugin.kernel.kill_points import step as kill_point
from crm_plugin.profiles.consent import eligibility
from crm_plugin.profiles.models.school import Course, Person


def advance(crm: Crm, automation_id: int) -> int:
    """Carry on everybody whose step is due; return how many.

    Sends nothing while a campaign of an earlier message waits for a person: what stopped it would stop
    the next one too.
    """
    moved, made = crm.db.run(lambda session: _advance(crm, session, automation_id))
    kill_point("chase_moved")
    for campaign_id in made:
        wake(crm, campaign_id, "freezing")
    return moved


def _advance(crm: Crm, session: Session, automation_id: int) -> tuple[int, list[int]]:
    row, now = locked(session, automation_id), crm.clock()
    if row is None or row.state != "on" or step_books.stuck(session, row.id):
        return 0, []
    people = standing.due(session, row, now)
    if not people:
        return 0, []
    round_ = _Round(crm, session, row, now)
    round_.run(people)
    _write(session, people, now)
    kill_point("chase_planned")
    return len(people), round_.made


def _write(session: Session, people: Iterable[Standing], now: datetime) -> None:
    going = [{"id": one.id, "step": one.step, "due_at": one.due} for one in people if one.state == "active"]
    over = [
        {
            **{"id": one.id, "step": one.step, "due_at": now, "state": one.state, "reason": one.reason},
            "chase": None,
        }
        for one in people
        if one.state != "active"
    ]
    for rows in (going, over):
        if rows:
            session.execute(sa.update(Member), rows)


@dataclass
class _Round:
    """One transaction through the people who are due."""

    crm: Crm
    session: Session
    row: Automation
    now: datetime
    made: list[int] = field(default_factory=list)
    """Campaigns to wake."""

    @property
    def document(self) -> dict[str, Any]:
        """The automation's file."""
        return self.row.document

    def run(self, people: Sequence[Standing]) -> None:
        self.courses = standing.courses(self.session, people)
        going = [one for one in people if one.state == "active"]
        if self.document["open_course"]:
            self.stop_closed(going)
        if self.document["goal"] is not None:
            reached = self.asks_tree(self.document["goal"], [one for one in going if one.state == "active"])
            for one in going:
                if one.state == "active" and one.person_id in reached:
                    one.stop("goal")
        present = present_of(self.crm, self.row, self.now)
        Walk(self.document["steps"], present, self.asks, self.send).run(people)

    def stop_closed(self, people: Sequence[Standing]) -> None:
        """Stop those whose course takes nobody any more."""
        closed = standing.closed(self.session, {one.root_id for one in people if one.root_id}, self.now)
        for one in people:
            if one.root_id in closed:
                one.stop("course")

    def asks(self, index: int, people: Sequence[Standing]) -> set[int]:
        """Return who fulfils the condition of a step."""
        return self.asks_tree(self.document["steps"][index][IF], people)

    def asks_tree(self, tree: Any, people: Sequence[Standing]) -> set[int]:
        found: set[int] = set()
        for course, group in self.groups(people, places_in(tree)):
            cause = standing.cause_of(group, course.host_id if course else "")
            ids = [one.person_id for one in group]
            found |= fulfilled(self.crm, self.session, self.row, bound(tree, cause), ids)
        return found

    def groups(
        self, people: Sequence[Standing], places: set[str] | None = None
    ) -> list[tuple[Course | None, list[Standing]]]:
        """Return people by what their campaign or condition has in common, each group with its course.

        :param places: what of the cause matters; None = everything that may.
        """
        every = places is None
        groups: dict[tuple[Any, ...], list[Standing]] = defaultdict(list)
        for one in people:
            dated = (every and self.about_person) or (places and {UNTIL, LEVEL} & places)
            day = one.at.date() if dated else None
            level = one.level if dated else ""
            groups[one.root_id if every or places else 0, day, level].append(one)
        return [(self.courses.get(key[0]), group) for key, group in groups.items()]

    @cached_property
    def about_person(self) -> bool:
        """Whether its conditions ask for a date or level of the person."""
        return bool({UNTIL, LEVEL} & places_in(self.document))

    def send(self, index: int, people: Sequence[Standing]) -> None:
        """Make the campaigns of a step's message."""
        step = self.document["steps"][index][SEND]
        last = all(
            one[SEND]["channel"] == step["channel"]
            for one in self.document["steps"][index + 1 :]
            if SEND in one
        )
        out = self.opted_out(step["channel"], people)
        for one in people:
            if one.person_id in out and last:
                one.stop("opted_out")
        for course, group in self.groups([one for one in people if one.state == "active"]):
            child = messages.child(self.crm, self.row, index, course, group, self.expires(index, group))
            self.made.append(children.start(self.crm, self.session, child))

    def opted_out(self, channel: str, people: Sequence[Standing]) -> set[int]:
        """Return whose address gets nothing any more."""
        if not people:
            return set()
        query = sa.select(Person.id).where(
            among(self.session, Person.id, [one.person_id for one in people]),
            eligibility.suppressed(channel, self.document["purpose"]),
        )
        return set(self.session.scalars(query))

    def expires(self, index: int, people: Sequence[Standing]) -> datetime | None:
        """Return when the next message takes the place of this one, if that still waits then."""
        walk = Walk(self.document["steps"], present_of(self.crm, self.row, self.now), self.asks, self.send)
        found = [walk.next_message(one, index + 1, self.now) for one in people]
        known = [one for one in found if one is not None]
        return max(known) if known and len(known) == len(found) else None
