"""People who have given cause enter: looks at segments, and dates that have come.

A look at a segment compares who is in it with who was at the look before. Somebody who comes and goes
between two looks has not entered; the mere passing of time counts as anything else does. Looks of one
automation take turns by the lock on its row, so that two at once give what one gives.
"""

import time
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from crm_plugin.automations.conditions import Row, present_of, understood
from crm_plugin.automations.entering import stage_people
from crm_plugin.automations.entering.dated import Candidate, came, look_back
from crm_plugin.automations.entering.who_may_enter import chase_of, may_enter
from crm_plugin.automations.language.document import SEGMENT, cause_date
from crm_plugin.automations.models import Automation, Inside, Member
from crm_plugin.automations.queries import locked
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.bulk import chunks, insert_many, unique_violations
from crm_plugin.kernel.db.types import UtcDateTime
from crm_plugin.profiles.models.school import Person
from crm_plugin.segments.sql.compile import people

EVERY = timedelta(seconds=60)
"""Between two looks of an automation, where they are quick."""
SHARE = 20
"""A look takes at most one part in so many of the time: slow ones come less often."""


def look(crm: Crm, automation_id: int) -> int:
    """Let everybody enter who has given cause since the last look; return how many.

    Does nothing before the next look is due, or while the automation is not on.
    """
    try:
        return crm.db.run(lambda session: _look(crm, session, automation_id))
    except unique_violations():
        # Another automation of its kind let the same person in meanwhile: they are seen now.
        return crm.db.run(lambda session: _look(crm, session, automation_id))


def _look(crm: Crm, session: Session, automation_id: int) -> int:
    row, now = locked(session, automation_id), crm.clock()
    if row is None or row.state != "on" or (row.next_look_at is not None and row.next_look_at > now):
        return 0
    began = time.monotonic()
    entered = enter(crm, session, row, now)
    took = timedelta(seconds=time.monotonic() - began)
    row.next_look_at = now + max(EVERY, took * SHARE)
    return entered


def enter(crm: Crm, session: Session, row: Automation, now: datetime) -> int:
    """Do one look of an automation that is locked; return how many entered."""
    row.looks += 1
    session.flush()
    date = cause_date(row.document["trigger"])
    if date is not None:
        return _write(session, row, came(crm, session, row, date, now), now)
    _note_who_is_in(crm, session, row)
    return _enter_from_segment(crm, session, row, now)


def begin(crm: Crm, session: Session, row: Automation) -> None:
    """Take everybody who is in the segment for having been there: from now on others enter."""
    if cause_date(row.document["trigger"]) is None:
        row.looks += 1
        session.flush()
        _note_who_is_in(crm, session, row)


def would_enter(crm: Crm, session: Session, row: Row, now: datetime) -> int:
    """Count the people who have given cause already, and would enter if they were asked for."""
    date = cause_date(row.document["trigger"])
    if date is not None:
        since = now - look_back(date)
        return len(_first_each(came(crm, session, row, date, now, since), set()))
    inside = people_in(crm, row).subquery()
    person = aliased(Person)
    query = sa.select(sa.func.count(sa.distinct(person.id))).select_from(inside)
    query = query.join(person, person.id == inside.c.person_id).where(*may_enter(crm, row, person, now))
    return session.scalar(query) or 0


def people_in(crm: Crm, row: Row) -> sa.Select[Any]:
    """Return ``SELECT person_id, root_id`` of who is in the segment or the stage now."""
    trigger = row.document["trigger"]
    present = present_of(crm, row)
    if trigger["on"] != SEGMENT:
        return stage_people.people_of(trigger, present)
    found = people(understood(crm, row, trigger["segment"]), present).subquery()
    return sa.select(found.c.id.label("person_id"), sa.literal(0).label("root_id"))


def _note_who_is_in(crm: Crm, session: Session, row: Automation) -> None:
    """Bring the list of who is in up to date; new ones get the number of this look.

    Two statements see two instants. People who come between them are found by the next look; those who go
    between them were in for a moment: nobody is taken for having stayed who was never written down.
    """
    now_in = people_in(crm, row).subquery()
    there = sa.exists().where(
        *(Inside.automation_id == row.id, Inside.person_id == now_in.c.person_id),
        Inside.root_id == now_in.c.root_id,
    )
    new = sa.select(sa.literal(row.id), now_in.c.person_id, now_in.c.root_id, sa.literal(row.looks))
    names = ["automation_id", "person_id", "root_id", "look"]
    session.execute(sa.insert(Inside).from_select(names, new.where(~there)))
    still = people_in(crm, row).subquery()
    stays = sa.exists().where(still.c.person_id == Inside.person_id, still.c.root_id == Inside.root_id)
    gone = sa.delete(Inside).where(Inside.automation_id == row.id, ~stays)
    session.execute(gone.execution_options(synchronize_session=False))


def _enter_from_segment(crm: Crm, session: Session, row: Automation, now: datetime) -> int:
    """Let everybody in that this look found; of several courses at once the first one counts."""
    person = aliased(Person)
    instant = sa.literal(now, UtcDateTime())
    values: dict[str, Any] = {
        **{"automation_id": sa.literal(row.id), "person_id": Inside.person_id},
        **{"cause": sa.literal(f"look:{row.looks}"), "chase": sa.literal(chase_of(row))},
        **{"root_id": sa.func.min(Inside.root_id), "row_id": sa.literal(0)},
        **{"at": instant, "entered_at": instant, "step": sa.literal(0), "due_at": instant},
        "state": sa.literal("active"),
    }
    query = (
        sa.select(*values.values())
        .join(person, person.id == Inside.person_id)
        .where(Inside.automation_id == row.id, Inside.look == row.looks)
        .where(*may_enter(crm, row, person, now))
        .group_by(Inside.person_id)
    )
    insert = sa.insert(Member).from_select([*values], query).execution_options(preserve_rowcount=True)
    result: Any = session.execute(insert)
    return int(result.rowcount)


def _write(session: Session, row: Automation, found: list[Candidate], now: datetime) -> int:
    chosen = _first_each(found, set())
    for part in chunks(chosen):
        rows = [
            {
                **{"automation_id": row.id, "person_id": one.person_id, "cause": one.cause},
                **{"chase": chase_of(row), "root_id": one.root_id, "row_id": one.row_id},
                **{"at": one.at, "entered_at": now, "step": 0, "due_at": one.moment},
                **{"state": "active", "reason": None},
            }
            for one in part
        ]
        insert_many(session, Member, rows)
    return len(chosen)


def _first_each(found: list[Candidate], taken: set[int]) -> list[Candidate]:
    """Return the first cause of each person: nobody is in two chases of a kind at a time."""
    chosen = []
    for one in sorted(found, key=lambda each: (each.moment, each.cause)):
        if one.person_id not in taken:
            taken.add(one.person_id)
            chosen.append(one)
    return chosen
