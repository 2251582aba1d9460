"""Drafts: made, written anew, copied, deleted and taken back; nothing here sends."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns import queries
from crm_plugin.campaigns.document.schemas import Checks, Draft, read
from crm_plugin.campaigns.launch import lifecycle
from crm_plugin.campaigns.models import Campaign
from crm_plugin.campaigns.prepared import tree_of
from crm_plugin.channels.registry import CHANNELS
from crm_plugin.host.context import Crm
from crm_plugin.kernel.audit import record
from crm_plugin.kernel.errors import Clause, Conflict
from crm_plugin.profiles.consent import topics
from crm_plugin.profiles.people.queries import courses_by_host_id
from crm_plugin.segments.language.documents import all_of, rule

KEPT = timedelta(days=30)
"""So long a deleted draft can be taken back."""
TITLES = {"course": "course_title", "class": "class_title"}
"""Key of a campaign file that names a course or a class → the variable that it fills in."""


@dataclass(frozen=True, slots=True)
class Removed:
    """A deleted draft that can still be taken back."""

    id: int
    name: str
    removed_at: datetime


def create(
    crm: Crm, actor_id: str, document: Any, *, scope: Collection[str] | None = None, kind: str = "campaign"
) -> int:
    """Make a draft of a campaign file; return its id.

    :param document: as ``docs/campaigns.md`` describes it.
    :param scope: courses (host ids) that its author is limited to; None = everything.
    :raises BadInput: ``campaign.*``, ``segment.*``, with the place.
    """
    columns = _columns(crm, document)
    now = crm.clock()
    campaign = Campaign(
        **columns,
        kind=kind,
        scope=None if scope is None else sorted(scope),
        created_by=actor_id,
        created_at=now,
        updated_at=now,
    )
    with crm.db.begin() as session:
        session.add(campaign)
        session.flush()
        record(session, now, actor_id, "campaign.create", ("campaign", campaign.id))
    return campaign.id


def create_single(
    crm: Crm,
    actor_id: str,
    person_host_id: str,
    document: dict[str, Any],
    *,
    scope: Collection[str] | None = None,
) -> int:
    """Make a one-to-one message: a campaign of one person, kept off the list; launch it like any other.

    :param document: a campaign file without ``audience`` and, if it has none, ``name``.
    """
    audience = all_of(rule("id", "=", person_host_id))
    document = {"name": "One-to-one message", **document, "audience": audience}
    return create(crm, actor_id, document, scope=scope, kind="single")


@dataclass(frozen=True, slots=True)
class Form:
    """An open form that a draft is written in."""

    seen: int
    """The revision that it shows."""
    writer: str
    """Tells it from every other form, of the same person too; at most 64 letters."""


def update(crm: Crm, campaign_id: int, actor_id: str, document: Any, form: Form | None = None) -> int:
    """Write a draft anew; return its revision, which is the same as before when nothing changed.

    :param form: what it was written in; None = write over whatever is there.
    :raises Conflict: ``campaign.bad_state`` once it was launched; ``campaign.changed`` when another form
        wrote a newer revision than this one shows.
    """
    columns = _columns(crm, document)

    def work(session: Session) -> int:
        campaign = _locked(session, campaign_id, Clause("changed"))
        if campaign.kind == "single":
            # A one-to-one message stays with its one person, whatever a form says.
            del columns["audience"]
        if all(getattr(campaign, name) == value for name, value in columns.items()):
            return campaign.revision
        if form is not None and form.seen != campaign.revision and form.writer != campaign.writer:
            raise Conflict("campaign.changed")
        for name, value in columns.items():
            setattr(campaign, name, value)
        campaign.revision += 1
        campaign.writer = form.writer if form else None
        campaign.updated_at = crm.clock()
        record(session, crm.clock(), actor_id, "campaign.update", ("campaign", campaign_id))
        return campaign.revision

    return crm.db.run(work)


def copy(
    crm: Crm, campaign_id: int, actor_id: str, name: str, *, scope: Collection[str] | None = None
) -> int:
    """Make a draft of an earlier campaign, without its time; return its id.

    :raises BadInput: ``segment.*`` when its audience cannot be understood any more.
    """
    row = queries.get(crm, campaign_id)
    document = {key: value for key, value in row.document().items() if key not in ("at", "zone")}
    document["policy"] = {key: value for key, value in row.policy.items() if key != "expires_at"}
    return create(crm, actor_id, {**document, "name": name}, scope=scope, kind=row.kind)


def remove(crm: Crm, campaign_id: int, actor_id: str) -> None:
    """Delete a draft that was never launched; :func:`restore` takes it back."""

    def work(session: Session) -> None:
        campaign = _locked(session, campaign_id, Clause("deleted"))
        campaign.removed_at = crm.clock()
        record(session, crm.clock(), actor_id, "campaign.remove", ("campaign", campaign_id))

    crm.db.run(work)


def restore(crm: Crm, campaign_id: int, actor_id: str) -> None:
    """Take a deleted draft back; one that is not deleted stays as it is.

    :raises NotFound: ``object.missing`` when it was swept away.
    """

    def work(session: Session) -> None:
        lifecycle.lock(session, campaign_id)
        campaign = session.get_one(Campaign, campaign_id, populate_existing=True)
        if campaign.removed_at is None:
            return
        campaign.removed_at = None
        campaign.updated_at = crm.clock()
        record(session, crm.clock(), actor_id, "campaign.restore", ("campaign", campaign_id))

    crm.db.run(work)


def removed(crm: Crm, author: str | None = None) -> list[Removed]:
    """Return the drafts that can be taken back, the last deleted first.

    :param author: only what this actor made; None = everybody's.
    """
    query = (
        sa.select(Campaign.id, Campaign.name, Campaign.removed_at)
        .where(Campaign.removed_at > crm.clock() - KEPT)
        .order_by(Campaign.removed_at.desc(), Campaign.id.desc())
        .limit(20)
    )
    if author is not None:
        query = query.where(Campaign.created_by == author)
    with crm.db.read() as session:
        return [Removed(ident, name, at) for ident, name, at in session.execute(query) if at is not None]


def sweep(crm: Crm) -> int:
    """Delete for good what nobody took back in time; return how many drafts."""

    def work(session: Session) -> int:
        old = sa.select(Campaign).where(Campaign.removed_at <= crm.clock() - KEPT, Campaign.state == "draft")
        found = list(session.scalars(old))
        for campaign in found:
            session.delete(campaign)
        return len(found)

    return crm.db.run(work)


def _locked(session: Session, campaign_id: int, verb: Clause) -> Campaign:
    lifecycle.check_state(lifecycle.lock(session, campaign_id), ("draft",), verb)
    return queries.one(session, campaign_id)


def _columns(crm: Crm, document: Any) -> dict[str, Any]:
    draft = understood(crm, document)
    columns = {name: getattr(draft, name) for name in Draft.__slots__}
    return columns | {"content": _titled(crm, draft.content)}


def understood(crm: Crm, document: Any) -> Draft:
    """Read a campaign file.

    :raises BadInput: ``campaign.*``, ``segment.*``, with the place.
    """

    def check(tree: Any, place: str) -> None:
        tree_of(crm, tree, place)

    def topic(wanted: int | str) -> int | None:
        with crm.db.read() as session:
            if isinstance(wanted, str):
                found = topics.named(session, wanted)
                return found.id if found else None
            # By its number an archived one too: a copy keeps its topic, and the pre-flight asks for another.
            return next((one.id for one in topics.every(session) if one.id == wanted), None)

    return read(document, Checks(tuple(CHANNELS), check, topic))


def _titled(crm: Crm, content: dict[str, Any]) -> dict[str, Any]:
    """Fill in the titles of the course and the class that a content names, where it says no others."""
    variables = dict(content.get("variables", {}))
    named = {content[key]: name for key, name in TITLES.items() if content.get(key)}
    wanted = [ident for ident, name in named.items() if not variables.get(name)]
    if not wanted:
        return content
    with crm.db.read() as session:
        courses = courses_by_host_id(session, wanted)
    variables |= {named[ident]: course.title for ident, course in courses.items()}
    return {**content, "variables": variables} if variables else content
