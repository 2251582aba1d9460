"""Verbs on campaigns that repeat: start, pause, resume, change, end.

Each takes the actor and checks their rights: the permission to send a campaign is that to let it repeat.
"""

from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.automations.recurring import rhythm as rhythms
from crm_plugin.automations.recurring.models import Period, Recurrence
from crm_plugin.automations.recurring.queries import rhythm_of
from crm_plugin.automations.recurring.rhythm import Rhythm
from crm_plugin.campaigns import access, copy_guard
from crm_plugin.campaigns.composing import repeating
from crm_plugin.campaigns.composing.repeating import Checked
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import need_whole
from crm_plugin.host.records import Actor
from crm_plugin.kernel.audit import record
from crm_plugin.kernel.errors import BadInput, Clause, Conflict, NotFound
from crm_plugin.profiles.store.host_info_cache import school_zone

BY_HAND = "by_hand"
_STATES = {"start": "on", "pause": "paused", "resume": "on", "edit": "off", "end": "ended"}
"""Verb → the state after it."""


def start(
    crm: Crm,
    actor: Actor,
    campaign_id: int,
    document: Any,
    typed: str | None = None,
    as_of: datetime | None = None,
) -> datetime:
    """Let a draft repeat; return when its first period begins. Nothing is sent before.

    :param document: the rhythm, as :func:`~crm_plugin.automations.recurring.rhythm.read` takes it.
    :param typed: how many people a period would reach now, as a person confirmed it; None = nobody is asked.
    :param as_of: the instant of the check that showed this number.
    :raises BadInput: ``recurring.*``, the first error of the pre-flight, ``campaign.not_confirmed``.
    :raises Conflict: ``campaign.bad_state``, ``campaign.changed``.
    """
    rhythm = rhythms.read(document, school_zone(crm).key)
    checked = repeating.check_draft(crm, actor, campaign_id, as_of)
    if typed is not None and typed != str(checked.found.reach.reached):
        raise BadInput("campaign.not_confirmed", count=checked.found.reach.reached)
    _refuse(checked)
    now = crm.clock()
    planned = access.get(crm, actor, campaign_id).planned_at
    first = _first(crm, campaign_id, rhythm, max(now, planned or now))
    if checked.expires_at is not None and first >= checked.expires_at:
        raise BadInput("recurring.ends_first", "at")
    crm.db.run(partial(_start, crm, actor, campaign_id, (rhythm, first), checked))
    return first


def _first(crm: Crm, campaign_id: int, rhythm: Rhythm, after: datetime) -> datetime:
    """Return when the first period begins: on a day that had none yet, where it repeated before."""
    with crm.db.read() as session:
        last = session.scalar(sa.select(sa.func.max(Period.day)).where(Period.campaign_id == campaign_id))
    first = rhythm.after(after)
    while last and rhythm.day_of(first).isoformat() <= last:
        first = rhythm.after(first)
    return first


def _refuse(checked: Checked) -> None:
    if checked.fault is not None:
        raise BadInput(checked.fault.code, checked.fault.place, **checked.fault.params)


def _start(
    crm: Crm,
    actor: Actor,
    campaign_id: int,
    plan: tuple[Rhythm, datetime],
    checked: Checked,
    session: Session,
) -> None:
    rhythm, first = plan
    repeating.begin(crm, session, actor, campaign_id, checked.found)
    row = session.get(Recurrence, campaign_id)
    if row is None:
        row = Recurrence(campaign_id=campaign_id)
        session.add(row)
    row.every, row.days, row.clock, row.zone = rhythm.every, [*rhythm.days], rhythm.at, rhythm.zone
    row.next_at = first
    _change(crm, session, actor, row, "start")
    if copy_guard.is_confirmed(crm, session):
        copy_guard.confirm(crm, session)


def pause(crm: Crm, actor: Actor, campaign_id: int) -> None:
    """Begin no further period; a child under way goes on."""

    def work(session: Session) -> None:
        row = _locked(session, actor, campaign_id, ("on",), Clause("paused"))
        row.next_at = None
        _change(crm, session, actor, row, "pause")

    crm.db.run(work)


def resume(crm: Crm, actor: Actor, campaign_id: int) -> datetime:
    """Go on with the next period; return when it begins. Those that passed meanwhile are not made up for.

    :raises BadInput: what still stands in its way.
    """
    with crm.db.read() as session:
        _one(session, actor, campaign_id, ("paused",), Clause("resumed"))
    _refuse(repeating.check(crm, campaign_id))

    def work(session: Session) -> datetime:
        row = _locked(session, actor, campaign_id, ("paused",), Clause("resumed"))
        if not copy_guard.is_confirmed(crm, session):
            need_whole(actor)  # that word is about every campaign of the installation
        copy_guard.confirm(crm, session)
        first = rhythm_of(row).after(crm.clock())
        row.next_at = first
        _change(crm, session, actor, row, "resume")
        return first

    return crm.db.run(work)


def edit(crm: Crm, actor: Actor, campaign_id: int) -> None:
    """Make a draft of it again, so that it can be changed; it repeats no more until it is started."""

    def work(session: Session) -> None:
        row = _locked(session, actor, campaign_id, ("on", "paused"), Clause("changed"))
        repeating.rewrite(session, campaign_id)
        row.next_at = None
        _change(crm, session, actor, row, "edit")

    crm.db.run(work)


def end(crm: Crm, actor: Actor, campaign_id: int) -> None:
    """End it for good; a child under way goes on."""

    def work(session: Session) -> None:
        row = _locked(session, actor, campaign_id, ("on", "paused"), Clause("ended"))
        repeating.end(session, campaign_id, crm.clock())
        row.next_at = None
        _change(crm, session, actor, row, "end")

    crm.db.run(work)


def _one(
    session: Session, actor: Actor, campaign_id: int, states: tuple[str, ...], verb: Clause
) -> Recurrence:
    access.one(session, actor, campaign_id, "crm.send")
    row = session.get(Recurrence, campaign_id, populate_existing=True)
    if row is None:
        raise NotFound("object.missing", kind=Clause("campaign"), id=campaign_id)
    if row.state not in states:
        raise Conflict("recurring.bad_state", state=row.state, verb=verb)
    return row


def _locked(
    session: Session, actor: Actor, campaign_id: int, states: tuple[str, ...], verb: Clause
) -> Recurrence:
    session.get(Recurrence, campaign_id, with_for_update=True)
    return _one(session, actor, campaign_id, states, verb)


def _change(crm: Crm, session: Session, actor: Actor, row: Recurrence, verb: str) -> None:
    row.state, row.reason = _STATES[verb], BY_HAND if verb == "pause" else None
    row.changed_by, row.changed_at = actor.id, crm.clock()
    record(session, crm.clock(), actor.id, f"recurring.{verb}", ("campaign", row.campaign_id))
