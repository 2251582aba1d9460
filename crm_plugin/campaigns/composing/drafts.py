"""Verbs on drafts: make, change, copy, delete and restore; nothing here sends."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns import access, queries
from crm_plugin.campaigns.document.schemas import CONTENT, KEYS, LEVEL_TITLE, TITLES, Checks, Draft, read
from crm_plugin.campaigns.ledger import campaign_states
from crm_plugin.campaigns.models import Campaign
from crm_plugin.campaigns.policy.fields import only
from crm_plugin.channels.registry import CHANNELS
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import need
from crm_plugin.host.records import Actor
from crm_plugin.kernel.audit import record
from crm_plugin.kernel.errors import Clause, Conflict, NotFound
from crm_plugin.profiles.consent import topics
from crm_plugin.profiles.people.queries import courses_by_host_id
from crm_plugin.profiles.store.masking import may_see_contacts
from crm_plugin.segments import service as segments
from crm_plugin.segments.language.documents import all_of, rule
from crm_plugin.segments.language.parse import parse

KEPT = timedelta(days=30)
"""So long a deleted draft can be restored."""


@dataclass(frozen=True, slots=True)
class Removed:
    """A deleted draft that can still be restored."""

    id: int
    name: str
    removed_at: datetime


def create(crm: Crm, actor: Actor, document: Any) -> int:
    """Make a draft of a campaign file, for the courses that the actor is limited to; return its id.

    :param document: as ``docs/campaigns.md`` describes it.
    :raises Refused: ``access.refused``, ``segment.needs_contacts``.
    :raises BadInput: ``campaign.*``, ``segment.*``, with the place.
    """
    need(actor, "crm.send")
    access.check_asked(crm, actor, document)
    return _create(crm, actor, document, "campaign")


def create_single(crm: Crm, actor: Actor, person_host_id: str, document: dict[str, Any]) -> int:
    """Make a one-to-one message: a campaign of one person, kept off the list; launch it like any other.

    :param document: a campaign file without ``audience`` and, if it has none, ``name``.
    :raises NotFound: ``object.missing``, the same for somebody outside the actor's courses.
    :raises BadInput: ``campaign.*``, with the place.
    """
    need(actor, "crm.send")
    only(document, (*KEYS, *CONTENT), "")
    with crm.db.read() as session:
        if not access.sees_person(session, actor, person_host_id):
            raise NotFound("object.missing", kind=Clause("person"), id=person_host_id)
    audience = all_of(rule("id", "=", person_host_id))
    return _create(crm, actor, {"name": "One-to-one message", **document, "audience": audience}, "single")


def _create(crm: Crm, actor: Actor, document: Any, kind: str) -> int:
    columns = columns_of(crm, document)
    now = crm.clock()
    scope = None if actor.scope is None else sorted(actor.scope)
    author = {"created_by": actor.id, "created_at": now, "updated_at": now}
    author["contacts"] = may_see_contacts(actor)

    def work(session: Session) -> int:
        campaign = Campaign(**columns, **author, kind=kind, scope=scope)
        session.add(campaign)
        session.flush()
        record(session, now, actor.id, "campaign.create", ("campaign", campaign.id))
        return campaign.id

    return crm.db.run(work)


def usual_topic(crm: Crm, actor: Actor) -> dict[str, Any]:
    """Return ``topic`` of a new campaign file: that of the actor's last launch, if it is still on offer."""
    with crm.db.read() as session:
        last = queries.last_topic(session, actor.id)
        known = {one.id for one in topics.offered(session)} if last is not None else set()
    return {"topic": last} if last in known else {}


@dataclass(frozen=True, slots=True)
class Form:
    """An open form that a draft is written in."""

    seen: int
    """The revision that it shows."""
    writer: str
    """Separates it from every other form, of the same person too; at most 64 characters."""


def update(crm: Crm, actor: Actor, campaign_id: int, document: Any, form: Form | None = None) -> int:
    """Write over a draft; return its revision, which is the same as before when nothing changed.

    Conditions that it had before may stay, also those that the actor could not use.

    :param form: what it was written in; None = write over whatever is there.
    :raises Conflict: ``campaign.bad_state`` once it was launched; ``campaign.changed`` when another form
        wrote a newer revision than this one shows.
    """
    access.check_asked(crm, actor, document, access.get(crm, actor, campaign_id, "crm.send"))
    columns = columns_of(crm, document)
    return crm.db.run(lambda session: _update(crm, session, actor, campaign_id, columns, form))


def _update(
    crm: Crm, session: Session, actor: Actor, campaign_id: int, columns: dict[str, Any], form: Form | None
) -> int:
    campaign = _locked(session, actor, campaign_id, Clause("changed"))
    if campaign.kind == "single":
        # A one-to-one message stays with its one person, whatever a form says.
        columns = {name: value for name, value in columns.items() if name != "audience"}
    if all(getattr(campaign, name) == value for name, value in columns.items()):
        return campaign.revision
    if form is not None and form.seen != campaign.revision and form.writer != campaign.writer:
        raise Conflict("campaign.changed")
    campaign.contacts = _sees_contacts(campaign, actor, columns)
    for name, value in columns.items():
        setattr(campaign, name, value)
    campaign.revision += 1
    campaign.writer = form.writer if form else None
    campaign.updated_at = crm.clock()
    record(session, crm.clock(), actor.id, "campaign.update", ("campaign", campaign_id))
    return campaign.revision


def _sees_contacts(campaign: Campaign, actor: Actor, columns: dict[str, Any]) -> bool:
    """Return whether its conditions may see contacts: all of them are of people who may."""
    goal = columns["policy"].get("goal")
    changed = [goal != campaign.policy.get("goal")]
    if "audience" in columns:
        changed.append(columns["audience"] != campaign.audience)
    if not any(changed):
        return campaign.contacts
    return may_see_contacts(actor) and (campaign.contacts or all(changed) or goal is None)


def copy(crm: Crm, actor: Actor, campaign_id: int, name: str) -> int:
    """Make a draft of an earlier campaign, without its time; return its id.

    :raises Refused: ``segment.needs_contacts`` when it asks what the actor may not ask.
    :raises BadInput: ``segment.*`` when its audience cannot be understood any more.
    """
    row = access.get(crm, actor, campaign_id, "crm.send")
    access.check_asked(crm, actor, row.document())
    document = {key: value for key, value in row.document().items() if key not in ("at", "zone")}
    document["policy"] = {key: value for key, value in row.policy.items() if key != "expires_at"}
    kind = "single" if row.kind == "single" else "campaign"
    return _create(crm, actor, {**document, "name": name}, kind)


def remove(crm: Crm, actor: Actor, campaign_id: int) -> None:
    """Delete a draft that was never launched; :func:`restore` takes it back."""

    def work(session: Session) -> None:
        campaign = _locked(session, actor, campaign_id, Clause("deleted"))
        campaign.removed_at = crm.clock()
        record(session, crm.clock(), actor.id, "campaign.remove", ("campaign", campaign_id))

    crm.db.run(work)


def restore(crm: Crm, actor: Actor, campaign_id: int) -> None:
    """Take a deleted draft back; one that is not deleted stays as it is.

    :raises NotFound: ``object.missing``, the same for one that was swept away or that the actor may not see.
    """
    if all(one.id != campaign_id for one in removed(crm, actor)):
        access.get(crm, actor, campaign_id, "crm.send")

    def work(session: Session) -> None:
        campaign_states.lock(session, campaign_id)
        campaign = session.get_one(Campaign, campaign_id, populate_existing=True)
        if campaign.removed_at is None:
            return
        campaign.removed_at = None
        campaign.updated_at = crm.clock()
        record(session, crm.clock(), actor.id, "campaign.restore", ("campaign", campaign_id))

    crm.db.run(work)


def removed(crm: Crm, actor: Actor) -> list[Removed]:
    """Return the drafts that the actor may restore, the last deleted first.

    Staff limited to some courses get their own.
    """
    need(actor, "crm.send")
    query = (
        sa.select(Campaign.id, Campaign.name, Campaign.removed_at)
        .where(Campaign.removed_at > crm.clock() - KEPT)
        .order_by(Campaign.removed_at.desc(), Campaign.id.desc())
        .limit(20)
    )
    if actor.scope is not None:
        query = query.where(Campaign.created_by == actor.id)
    with crm.db.read() as session:
        return [Removed(ident, name, at) for ident, name, at in session.execute(query) if at is not None]


def sweep(crm: Crm) -> int:
    """Delete for good what nobody took back in time; return how many drafts."""

    old = (Campaign.removed_at <= crm.clock() - KEPT, Campaign.state == "draft")
    with crm.db.read() as session:
        found = session.scalars(sa.select(Campaign.id).where(*old)).all()

    def forget(ids: Sequence[int]) -> int:
        gone = sa.delete(Campaign).where(Campaign.id.in_(ids), *old)
        crm.db.run(lambda session: session.execute(gone, execution_options={"synchronize_session": False}))
        return len(ids)

    return sum(crm.round("campaigns.drafts").together(found, forget))


def _locked(session: Session, actor: Actor, campaign_id: int, verb: Clause) -> Campaign:
    campaign_states.lock(session, campaign_id)
    campaign = access.one(session, actor, campaign_id, "crm.send")
    campaign_states.check_state(campaign.state, ("draft",), verb)
    return campaign


def columns_of(crm: Crm, document: Any) -> dict[str, Any]:
    """Read a campaign file; return the columns of its campaign.

    :raises BadInput: ``campaign.*``, ``segment.*``, with the place.
    """
    draft = _understood(crm, document)
    columns = {name: getattr(draft, name) for name in Draft.__slots__}
    return columns | {"content": _titled(crm, draft.content)}


def _understood(crm: Crm, document: Any) -> Draft:
    catalogue = segments.catalogue(crm)

    def check(tree: Any, place: str) -> None:
        parse(tree, catalogue, place)

    def topic(wanted: int | str) -> int | None:
        with crm.db.read() as session:
            if isinstance(wanted, str):
                found = topics.named(session, wanted)
                return found.id if found else None
            # By its number an archived one too: a copy keeps its topic, and the pre-flight asks for another.
            return next((one.id for one in topics.every(session) if one.id == wanted), None)

    return read(document, Checks(tuple(CHANNELS), check, topic))


def _titled(crm: Crm, content: dict[str, Any]) -> dict[str, Any]:
    """Fill in the titles of course, class and membership level that a content names, if it says no others."""
    variables = dict(content.get("variables", {}))
    if content.get("level") and not variables.get(LEVEL_TITLE):
        variables[LEVEL_TITLE] = content["level"]
        content = {**content, "variables": variables}
    named = {content[key]: name for key, name in TITLES.items() if content.get(key)}
    wanted = [ident for ident, name in named.items() if not variables.get(name)]
    if not wanted:
        return content
    with crm.db.read() as session:
        courses = courses_by_host_id(session, wanted)
    variables |= {named[ident]: course.title for ident, course in courses.items()}
    return {**content, "variables": variables} if variables else content
