"""Verbs on automations: make, change, copy, delete; switch on, pause, resume, end.

Each takes the actor, checks their rights and records the change. Reads stand in
:mod:`crm_plugin.automations.queries`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.automations import ready_made
from crm_plugin.automations.conditions import searches_of
from crm_plugin.automations.entering import entry
from crm_plugin.automations.entering.dated import look_back
from crm_plugin.automations.language import document as files
from crm_plugin.automations.language import reading
from crm_plugin.automations.models import Automation, Inside, Member
from crm_plugin.automations.queries import AutomationRow, get, is_visible, locked, one, row_of
from crm_plugin.automations.steps.messages import content_of
from crm_plugin.campaigns.composing import children
from crm_plugin.campaigns.composing.drafts import columns_of
from crm_plugin.campaigns.delivery.wakeups import wake
from crm_plugin.campaigns.document import personalisation
from crm_plugin.campaigns.document.schemas import TITLES
from crm_plugin.campaigns.reporting.step_books import KIND
from crm_plugin.channels import service as channel_service
from crm_plugin.channels.base import Compiled, Problem
from crm_plugin.channels.content import ADDRESSES
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import OPERATOR, need
from crm_plugin.host.records import Actor
from crm_plugin.kernel.audit import record
from crm_plugin.kernel.errors import BadInput, Clause, Conflict, NotFound
from crm_plugin.kernel.i18n import choose
from crm_plugin.profiles.people.queries import courses_by_host_id
from crm_plugin.profiles.store.masking import may_see_contacts
from crm_plugin.segments import service as segments
from crm_plugin.segments.language.parse import parse

KEPT = timedelta(days=30)
"""So long a deleted draft can be restored."""
SEND = "crm.send"


def create(crm: Crm, actor: Actor, document: Any) -> int:
    """Make an automation of its file; it is a draft and does nothing. Return its id.

    :param document: as ``docs/automations.md`` describes it.
    :raises Refused: ``access.refused``, ``segment.needs_contacts``.
    :raises BadInput: ``automation.*``, ``campaign.*``, ``segment.*``, with the place.
    """
    need(actor, SEND)
    found = _read(crm, actor, document)
    now = crm.clock()
    scope = None if actor.scope is None else sorted(actor.scope)
    row = Automation(
        **{"name": found.pop("name"), "document": found, "scope": scope},
        **{"contacts": may_see_contacts(actor), "created_by": actor.id},
        **{"created_at": now, "updated_at": now},
    )

    def work(session: Session) -> int:
        session.add(row)
        session.flush()
        record(session, now, actor.id, "automation.create", ("automation", row.id))
        return row.id

    return crm.db.run(work)


def create_from_ready_made(
    crm: Crm, actor: Actor, key: str, channel: str = "email", locale: str | None = None
) -> int:
    """Make a draft of one that is shipped (:data:`crm_plugin.automations.ready_made.READY_MADE`).

    :param locale: language of its texts; the actor's when left out.
    :raises NotFound: ``object.missing``.
    :raises BadInput: ``input.bad`` for a channel that it has no texts for.
    """
    need(actor, SEND)
    spoken = choose(locale or actor.locale)
    return create(crm, actor, ready_made.document(crm, key, channel, spoken))


def update(crm: Crm, actor: Actor, automation_id: int, document: Any, seen: int | None = None) -> int:
    """Write over an automation; return its revision.

    Once it was switched on its build is fixed (what starts it, its steps, its goal); texts may change.

    :param seen: the revision that a form shows; None = write over whatever is there.
    :raises Conflict: ``automation.bad_state`` once it has ended; ``automation.fixed``;
        ``automation.changed`` when somebody wrote a newer revision.
    """
    found = _read(crm, actor, document, get(crm, actor, automation_id, SEND))

    def work(session: Session) -> int:
        row = _in(session, actor, automation_id, ("draft", "on", "paused"), Clause("changed"))
        if seen is not None and seen != row.revision:
            raise Conflict("automation.changed")
        _write(crm, actor, row, dict(found))
        record(session, crm.clock(), actor.id, "automation.update", ("automation", row.id))
        return row.revision

    return crm.db.run(work)


def _write(crm: Crm, actor: Actor, row: Automation, found: dict[str, Any]) -> None:
    name = found.pop("name")
    if row.started_at is not None and (part := files.fixed_part(row.document, found)):
        raise Conflict("automation.fixed", part=part)
    if files.trees_of(row.document) != files.trees_of(found):
        row.contacts = may_see_contacts(actor)
    row.name, row.document, row.updated_at = name, found, crm.clock()
    row.revision += 1


def copy(crm: Crm, actor: Actor, automation_id: int, name: str) -> int:
    """Make a draft of another automation; return its id."""
    return create(crm, actor, get(crm, actor, automation_id, SEND).file() | {"name": name})


def remove(crm: Crm, actor: Actor, automation_id: int) -> None:
    """Delete one that never was on, or has ended; :func:`restore` takes it back."""

    def work(session: Session) -> None:
        row = _in(session, actor, automation_id, ("draft", "ended"), Clause("deleted"))
        row.removed_at = crm.clock()
        record(session, crm.clock(), actor.id, "automation.remove", ("automation", row.id))

    crm.db.run(work)


def restore(crm: Crm, actor: Actor, automation_id: int) -> None:
    """Take a deleted automation back.

    :raises NotFound: ``object.missing`` when it was swept away, or the actor may not see it.
    """
    need(actor, SEND)

    def work(session: Session) -> None:
        row = session.get(Automation, automation_id, with_for_update=True)
        if row is None or row.removed_at is None or not is_visible(row, actor):
            raise NotFound("object.missing", kind=Clause("automation"), id=automation_id)
        row.removed_at = None
        record(session, crm.clock(), actor.id, "automation.restore", ("automation", row.id))

    crm.db.run(work)


def would_reach(crm: Crm, actor: Actor, automation_id: int) -> int:
    """Count the people who have given cause already, and would enter if switching on were to take them in."""
    with crm.db.read() as session:
        return entry.would_enter(crm, session, row_of(one(session, actor, automation_id)), crm.clock())


def problems(crm: Crm, actor: Actor, automation_id: int) -> list[tuple[int, Problem]]:
    """Return (number of the step, problem) of all that is wrong with its messages."""
    with crm.db.read() as session:
        row = row_of(one(session, actor, automation_id))
        return _problems(crm, session, row)


def _problems(crm: Crm, session: Session, row: AutomationRow) -> list[tuple[int, Problem]]:
    found = []
    for index, step in enumerate(row.document["steps"]):
        if "send" not in step:
            continue
        content = content_of(crm, step["send"], None)
        channel = content.pop("channel")
        made = channel_service.compile_content(crm, session, channel, content, row.document["purpose"])
        problems = [*made.problems, *channel_service.carrier_problems(crm, channel)]
        if made.compiled is not None:
            problems += _without_value(row, content, made.compiled)
        found += [(index, each) for each in problems]
    return found


def _without_value(row: AutomationRow, content: Mapping[str, Any], compiled: Compiled) -> list[Problem]:
    """Report words that nobody can have: those of a course where the cause has none, and unknown ones."""
    titles = set(TITLES.values()) if files.has_course(row.document["trigger"]) else set()
    known = {*personalisation.columns_of(content), *ADDRESSES, *titles}
    missing = sorted(compiled.required - known)
    return [Problem("content.no_value", "variables", {"name": name}) for name in missing]


def switch_on(
    crm: Crm, actor: Actor, automation_id: int, *, older: bool = False, typed: str | None = None
) -> None:
    """Switch it on: people who give cause from now on enter, and nobody whose cause is older.

    :param older: take those in too who have given cause already (:func:`would_reach`).
    :param typed: how many these are, as a person confirmed it.
    :raises BadInput: the first thing that is wrong with a message; ``campaign.not_confirmed`` when older
        ones are to be taken in and another number, or none, was typed.
    :raises Conflict: ``automation.bad_state`` unless it is a draft.
    """
    _check_messages(crm, actor, automation_id)
    now = crm.clock()

    def work(session: Session) -> None:
        row = _in(session, actor, automation_id, ("draft",), Clause("switched on"))
        row.searches = searches_of(crm, row.document)
        _begin(crm, session, row, older, typed, now)
        row.started_at = now
        of = ("automation", row.id)
        record(session, now, actor.id, "automation.switch_on", of, older=older, count=typed and int(typed))

    crm.db.run(work)


def _begin(
    crm: Crm, session: Session, row: Automation, older: bool, typed: str | None, now: datetime
) -> None:
    """Let causes from now on count, or older ones too; the looks go on."""
    if older:
        number = entry.would_enter(crm, session, row, now)
        if typed != str(number):
            raise BadInput("campaign.not_confirmed", count=number)
        date = files.cause_date(row.document["trigger"])
        row.since = now - look_back(date) if date else now
        # Who is in it now is found by the next look as everybody who enters.
        gone = sa.delete(Inside).where(Inside.automation_id == row.id)
        session.execute(gone.execution_options(synchronize_session=False))
    else:
        row.since = now
        entry.begin(crm, session, row)
    row.state, row.next_look_at, row.updated_at = "on", None, now


def _check_messages(crm: Crm, actor: Actor, automation_id: int) -> None:
    for index, problem in problems(crm, actor, automation_id):
        if problem.severe:
            raise BadInput(problem.code, f"steps[{index}].send", **problem.params)


def pause(crm: Crm, actor: Actor, automation_id: int) -> None:
    """Stop it: nobody enters or is carried on, and its messages under way stop too."""

    def work(session: Session) -> None:
        row = _in(session, actor, automation_id, ("on",), Clause("paused"))
        row.state, row.updated_at = "paused", crm.clock()
        children.pause_all(session, KIND, row.id)
        record(session, crm.clock(), actor.id, "automation.pause", ("automation", row.id))

    crm.db.run(work)


def resume(
    crm: Crm, actor: Actor, automation_id: int, *, older: bool = False, typed: str | None = None
) -> None:
    """Go on. People who gave cause during the pause do not enter, unless that is asked for.

    Those in it go on; of several messages that are past due they get the last one.

    :param older: take those in too who have given cause, during the pause and before.
    :param typed: how many these are, as a person confirmed it.
    :raises BadInput: as :func:`switch_on`.
    """
    _check_messages(crm, actor, automation_id)

    def work(session: Session) -> list[tuple[int, str]]:
        row = _in(session, actor, automation_id, ("paused",), Clause("resumed"))
        _begin(crm, session, row, older, typed, crm.clock())
        resumed = children.resume_all(session, KIND, row.id)
        record(session, crm.clock(), actor.id, "automation.resume", ("automation", row.id), older=older)
        return resumed

    for campaign_id, state in crm.db.run(work):
        wake(crm, campaign_id, state)


def end(crm: Crm, actor: Actor, automation_id: int) -> int:
    """End it for good: everybody in it stops, and what has not left is cancelled; return how many people."""
    now = crm.clock()

    def work(session: Session) -> int:
        row = _in(session, actor, automation_id, ("on", "paused"), Clause("ended"))
        row.state, row.ended_at, row.updated_at = "ended", now, now
        children.cancel_all(crm, session, KIND, row.id)
        mine = sa.update(Member).where(Member.automation_id == row.id, Member.state == "active")
        values: dict[str, Any] = {"state": "stopped", "reason": "ended", "chase": None, "due_at": now}
        stopped: Any = session.execute(mine.values(**values).execution_options(synchronize_session=False))
        session.execute(sa.delete(Inside).where(Inside.automation_id == row.id))
        count = int(stopped.rowcount)
        record(session, now, actor.id, "automation.end", ("automation", row.id), count=count)
        return count

    return crm.db.run(work)


def sweep(crm: Crm) -> int:
    """Delete for good what nobody took back in time; return how many."""
    old = (Automation.removed_at <= crm.clock() - KEPT, Automation.started_at.is_(None))
    with crm.db.read() as session:
        found = session.scalars(sa.select(Automation.id).where(*old)).all()

    def forget(ids: Any) -> int:
        gone = sa.delete(Automation).where(Automation.id.in_(ids), *old)
        crm.db.run(lambda session: session.execute(gone, execution_options={"synchronize_session": False}))
        return len(ids)

    return sum(crm.round("automations.drafts").together(found, forget))


def _in(
    session: Session, actor: Actor, automation_id: int, states: tuple[str, ...], verb: Clause
) -> Automation:
    """Return an automation, locked, that is in one of these states."""
    locked(session, automation_id)
    row = one(session, actor, automation_id, SEND)
    if row.state not in states:
        raise Conflict("automation.bad_state", state=row.state, verb=verb)
    return row


def _read(crm: Crm, actor: Actor, document: Any, stored: AutomationRow | None = None) -> dict[str, Any]:
    catalogue = segments.catalogue(crm)

    def tree(value: Any, place: str) -> None:
        parse(value, catalogue, place)

    def file(value: Mapping[str, Any], place: str) -> dict[str, Any]:
        whole = {"name": "-", "audience": files.EVERYBODY, **value}
        try:
            return columns_of(crm, whole)
        except BadInput as error:
            raise reading.placed(error, place) from None

    found = reading.read(document, reading.Checks(tree, file))
    _check_asked(crm, actor, found, stored)
    return found


def _check_asked(crm: Crm, actor: Actor, found: Mapping[str, Any], stored: AutomationRow | None) -> None:
    """Refuse conditions and courses that the actor may not use; what was there before may stay.

    :raises Refused: ``segment.needs_contacts``, ``segment.needs_money``.
    :raises NotFound: ``object.missing`` for a course outside the actor's.
    """
    if actor == OPERATOR:
        return
    known = dict(files.trees_of(stored.document)) if stored else {}
    for place, tree in files.trees_of(found):
        if tree != known.get(place):
            segments.understood(crm, files.bound(tree, files.sample()), actor, place)
    sends = [step["send"] for step in found["steps"] if "send" in step]
    named = {one.get(key) for one in (found["trigger"], *sends) for key in ("course", "class")} - {None}
    if actor.scope is None or not named:
        return
    with crm.db.read() as session:
        mine = courses_by_host_id(session, sorted(named), actor.scope)
    for ident in sorted(named - set(mine)):
        raise NotFound("object.missing", kind=Clause("course"), id=ident)
