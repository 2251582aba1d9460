"""Campaigns as somebody at a screen, or a program with a token, has them: the rights are checked here.

:mod:`crm_plugin.campaigns.service` does what it is told and writes down by whom; commands call it as the
operator. Pages and the JSON API come through this module, which asks three things first: may the actor do
that (``crm.view`` to look, ``crm.send`` to change), may they see the campaign, and may they ask what its
conditions ask.

Who is limited to some courses sees the campaigns that they made themselves while they were limited to
those courses or fewer: all others were decided about people whom they may not see.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from crm_plugin.campaigns import queries, service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.composing.drafts import TITLES
from crm_plugin.campaigns.composing.preflight import Preflight
from crm_plugin.campaigns.composing.preview import Preview
from crm_plugin.campaigns.composing.preview import preview as render_preview
from crm_plugin.campaigns.queries import CampaignRow, Listed
from crm_plugin.campaigns.reporting import conversions as outcomes
from crm_plugin.campaigns.reporting import report as reports
from crm_plugin.campaigns.reporting import time_series
from crm_plugin.campaigns.reporting.conversions import Outcome
from crm_plugin.campaigns.reporting.time_series import Curve
from crm_plugin.channels import outbox
from crm_plugin.channels.base import Receipt
from crm_plugin.channels.outbox import Taken
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import need
from crm_plugin.host.records import Actor
from crm_plugin.kernel.audit import record
from crm_plugin.kernel.errors import Clause, NotFound
from crm_plugin.links import measures
from crm_plugin.profiles.consent import topics
from crm_plugin.profiles.people.queries import courses_by_host_id, person_id_of
from crm_plugin.profiles.store.course_scope import sees
from crm_plugin.segments import service as segments

PORTION = 5_000
"""Rows of an export that are read at once."""
Exported = tuple[reports.Member, datetime | None, int]
"""A person of an export, their first click, and how many clicks."""


def is_visible(row: CampaignRow, actor: Actor) -> bool:
    """Tell whether an actor may see a campaign."""
    if actor.scope is None:
        return True
    return row.created_by == actor.id and row.scope is not None and actor.scope.issuperset(row.scope)


def find(crm: Crm, actor: Actor, campaign_id: int, permission: str = "crm.view") -> CampaignRow:
    """Return a campaign that the actor may see and has the permission for.

    :raises Refused: ``access.refused``.
    :raises NotFound: ``object.missing``, the same for one that the actor may not see.
    """
    need(actor, permission)
    row = queries.get(crm, campaign_id)
    if not is_visible(row, actor):
        raise NotFound("object.missing", kind=Clause("campaign"), id=campaign_id)
    return row


def listing(
    crm: Crm, actor: Actor, *, states: Sequence[str] = (), before: int | None = None, limit: int = 50
) -> list[Listed]:
    """Return the campaigns that the actor may see, newest first.

    :param before: the id of the last one seen.
    """
    need(actor, "crm.view")
    author = None if actor.scope is None else actor.id
    found = queries.listing(crm, states=states, before=before, limit=limit, author=author)
    return [one for one in found if is_visible(one.campaign, actor)]


def named(crm: Crm, actor: Actor, limit: int) -> list[queries.Named]:
    """Return the newest campaigns that the actor may see, by their names."""
    need(actor, "crm.view")
    if actor.scope is None:
        return queries.named(crm, limit)
    mine = queries.named(crm, limit, actor.id)
    return [one for one in mine if one.scope is not None and actor.scope.issuperset(one.scope)]


def create(crm: Crm, actor: Actor, document: Any) -> int:
    """Make a draft of a campaign file, for the courses that the actor is limited to; return its id.

    :raises Refused: ``access.refused``, ``segment.needs_contacts``.
    :raises BadInput: ``campaign.*``, ``segment.*``.
    """
    need(actor, "crm.send")
    _may_ask(crm, actor, document)
    return service.create(crm, actor.id, document, scope=actor.scope)


def usual_topic(crm: Crm, actor: Actor) -> dict[str, Any]:
    """Return ``topic`` of a new campaign file: that of the actor's last launch, if it is still on offer."""
    with crm.db.read() as session:
        last = queries.last_topic(session, actor.id)
        known = {one.id for one in topics.offered(session)} if last is not None else set()
    return {"topic": last} if last in known else {}


def create_single(crm: Crm, actor: Actor, person_host_id: str, document: dict[str, Any]) -> int:
    """Make a draft of a one-to-one message.

    :raises NotFound: ``object.missing``, the same for somebody outside the actor's courses.
    """
    need(actor, "crm.send")
    with crm.db.read() as session:
        if not sees(session, person_id_of(session, person_host_id), actor.scope):
            raise NotFound("object.missing", kind=Clause("person"), id=person_host_id)
    return service.create_single(crm, actor.id, person_host_id, document, scope=actor.scope)


def update(crm: Crm, actor: Actor, campaign_id: int, document: Any, form: drafts.Form | None = None) -> int:
    """Write a draft anew and return its revision; what it asked before may stay, also what the actor
    could not ask.

    :param form: what it was written in; None = write over whatever is there.
    :raises Conflict: ``campaign.bad_state`` once it was launched; ``campaign.changed``.
    """
    row = find(crm, actor, campaign_id, "crm.send")
    _may_ask(crm, actor, document, row)
    return service.update(crm, campaign_id, actor.id, document, form)


def copy(crm: Crm, actor: Actor, campaign_id: int, name: str) -> int:
    """Make a draft of an earlier campaign; return its id.

    :raises Refused: ``segment.needs_contacts`` when it asks what the actor may not ask.
    """
    row = find(crm, actor, campaign_id, "crm.send")
    _may_ask(crm, actor, row.document())
    return service.copy(crm, campaign_id, actor.id, name, scope=actor.scope)


def removed(crm: Crm, actor: Actor) -> list[drafts.Removed]:
    """Return the deleted drafts that the actor may take back; who is limited to some courses, their own."""
    need(actor, "crm.send")
    return drafts.removed(crm, None if actor.scope is None else actor.id)


def restore(crm: Crm, actor: Actor, campaign_id: int) -> None:
    """Take a deleted draft back.

    :raises NotFound: ``object.missing``, the same for one that the actor may not see.
    """
    if all(one.id != campaign_id for one in removed(crm, actor)):
        find(crm, actor, campaign_id, "crm.send")
    service.restore(crm, campaign_id, actor.id)


def remove(crm: Crm, actor: Actor, campaign_id: int) -> None:
    """Delete a draft."""
    find(crm, actor, campaign_id, "crm.send")
    service.remove(crm, campaign_id, actor.id)


def launch(crm: Crm, actor: Actor, campaign_id: int) -> str:
    """Launch a draft; return the new state."""
    find(crm, actor, campaign_id, "crm.send")
    return service.launch(crm, campaign_id, actor.id)


def pause(crm: Crm, actor: Actor, campaign_id: int) -> None:
    """Stop sending for now."""
    find(crm, actor, campaign_id, "crm.send")
    service.pause(crm, campaign_id, actor.id)


def resume(crm: Crm, actor: Actor, campaign_id: int) -> str:
    """Go on, or confirm what was held; return the new state."""
    find(crm, actor, campaign_id, "crm.send")
    return service.resume(crm, campaign_id, actor.id)


def cancel(crm: Crm, actor: Actor, campaign_id: int) -> int:
    """Send nothing more, for good; return how many messages will not be sent."""
    find(crm, actor, campaign_id, "crm.send")
    return service.cancel(crm, campaign_id, actor.id)


def resolve(
    crm: Crm, actor: Actor, campaign_id: int, decision: str, ids: Collection[int] | None = None
) -> int:
    """Decide about messages in doubt (``sent`` or ``again``); return how many."""
    find(crm, actor, campaign_id, "crm.send")
    return service.resolve(crm, campaign_id, actor.id, decision, ids)


def retry_failed(crm: Crm, actor: Actor, campaign_id: int) -> int:
    """Send again what failed for a passing reason; return how many."""
    find(crm, actor, campaign_id, "crm.send")
    return service.retry_failed(crm, campaign_id, actor.id)


def send_test(
    crm: Crm, actor: Actor, campaign_id: int, address: str, person_host_id: str | None = None
) -> Receipt:
    """Send one message to a typed address, filled with the data of somebody whom the actor may see.

    :raises NotFound: ``object.missing``, the same for somebody outside the actor's courses.
    """
    find(crm, actor, campaign_id, "crm.send")
    return service.send_test(crm, campaign_id, address, person_host_id, actor.id)


def preview(
    crm: Crm,
    actor: Actor,
    campaign_id: int,
    content: Mapping[str, Any] | None = None,
    person_host_id: str | None = None,
) -> Preview:
    """Render a campaign for one person; for somebody of its audience when the actor may not see them."""
    row = find(crm, actor, campaign_id)
    person = person_host_id if person_host_id and _is_seen(crm, actor, person_host_id) else None
    return render_preview(crm, row.id, content, person)


def _is_seen(crm: Crm, actor: Actor, person_host_id: str) -> bool:
    try:
        with crm.db.read() as session:
            return sees(session, person_id_of(session, person_host_id), actor.scope)
    except NotFound:
        return False


def preflight(crm: Crm, actor: Actor, campaign_id: int) -> Preflight:
    """Check a campaign as if it were launched now."""
    find(crm, actor, campaign_id, "crm.send")
    return service.preflight(crm, campaign_id)


def status(crm: Crm, actor: Actor, campaign_id: int) -> dict[str, Any]:
    """Return state, books and clicks."""
    find(crm, actor, campaign_id)
    return queries.status(crm, campaign_id)


def report(crm: Crm, actor: Actor, campaign_id: int) -> reports.Report:
    """Return the numbers of a campaign."""
    find(crm, actor, campaign_id)
    return reports.report(crm, campaign_id)


def people_of(
    crm: Crm, actor: Actor, campaign_id: int, what: str, after: int = 0, limit: int = 100
) -> list[reports.Member]:
    """Return the people behind a number; who left the actor's courses since is left out."""
    find(crm, actor, campaign_id)
    return reports.people_of(crm, campaign_id, what, after, limit, scope=actor.scope)


def number_of(crm: Crm, actor: Actor, campaign_id: int, what: str) -> int:
    """Return how many people :func:`people_of` has for a number."""
    find(crm, actor, campaign_id)
    return reports.number_of(crm, campaign_id, what, actor.scope)


def outcome(crm: Crm, actor: Actor, campaign_id: int, days: int) -> Outcome | None:
    """Return the purchases after a campaign; None for who is limited to some courses, whose are not apart."""
    find(crm, actor, campaign_id)
    if actor.scope is not None:
        return None
    with crm.db.read() as session:
        found = outcomes.outcome(session, queries.one(session, campaign_id), days)
    if not actor.may("crm.money"):
        found.amounts = {}
    return found


def curve(crm: Crm, actor: Actor, campaign_id: int, zone: ZoneInfo) -> Curve | None:
    """Return messages and clicks over time."""
    find(crm, actor, campaign_id)
    with crm.db.read() as session:
        return time_series.curve(session, queries.one(session, campaign_id), crm.clock(), zone)


def export(crm: Crm, actor: Actor, campaign_id: int, what: str) -> Iterator[Exported]:
    """Return each person behind a number, with their first click and how many; audited when it begins.

    :raises Refused: without ``crm.export``.
    """
    find(crm, actor, campaign_id, "crm.export")
    count = reports.number_of(crm, campaign_id, what, actor.scope)
    with crm.db.begin() as session:
        of = ("campaign", campaign_id)
        record(session, crm.clock(), actor.id, "campaign.export", of, what=what, count=count)
    return _exported(crm, actor, campaign_id, what)


def _exported(
    crm: Crm, actor: Actor, campaign_id: int, what: str
) -> Iterator[tuple[reports.Member, Any, int]]:
    after = 0
    while rows := reports.people_of(crm, campaign_id, what, after, PORTION, scope=actor.scope):
        with crm.db.read() as session:
            clicks = measures.clicks_of(session, [row.delivery_id for row in rows])
        for row in rows:
            yield row, *clicks.get(row.delivery_id, (None, 0))
        after = rows[-1].delivery_id


def messages(crm: Crm, actor: Actor, campaign_id: int, *, after: int = 0, limit: int = 50) -> list[Taken]:
    """Return what the outbox took of a campaign, in that order; who left the actor's courses is left out."""
    find(crm, actor, campaign_id, "crm.send")
    with crm.db.read() as session:
        rows = outbox.listed(session, campaign_id, after=after, limit=limit)
        return [row for row in rows if _may_read(session, row, actor)]


def latest_messages(
    crm: Crm, actor: Actor, *, channel: str = "", before: int | None = None, limit: int = 50
) -> list[Taken]:
    """Return what the outbox took of everybody's campaigns and tests, newest first.

    Nothing for who is limited to some courses: they look into their own campaigns.
    """
    need(actor, "crm.send")
    if actor.scope is not None:
        return []
    with crm.db.read() as session:
        return outbox.latest(session, channel=channel, before=before, limit=limit)


def message(crm: Crm, actor: Actor, ident: int) -> Taken:
    """Return one message of the outbox.

    :raises NotFound: ``object.missing``; for who is limited to some courses also tests, which belong to no
        campaign, and messages of other campaigns or to people outside.
    """
    need(actor, "crm.send")
    with crm.db.read() as session:
        row = outbox.find(session, ident)
        if row is None or not _may_read(session, row, actor):
            raise NotFound("object.missing", kind=Clause("message"), id=ident)
    if row.campaign_id is not None:
        find(crm, actor, row.campaign_id, "crm.send")
    return row


def _may_read(session: Any, row: Taken, actor: Actor) -> bool:
    if actor.scope is None:
        return True
    if row.campaign_id is None:
        return False
    try:
        return sees(session, person_id_of(session, row.person), actor.scope)
    except NotFound:
        return False


def _may_name(crm: Crm, actor: Actor, document: Mapping[str, Any]) -> None:
    """Refuse a course or class outside the actor's: its title would be filled in."""
    named = [document[key] for key in TITLES if isinstance(document.get(key), str) and document[key]]
    if actor.scope is None or not named:
        return
    with crm.db.read() as session:
        known = courses_by_host_id(session, named, actor.scope)
    for ident in named:
        if ident not in known:
            raise NotFound("object.missing", kind=Clause("course"), id=ident)


def _may_ask(crm: Crm, actor: Actor, document: Any, stored: CampaignRow | None = None) -> None:
    """Refuse conditions that the actor may not ask: each count of their people would answer them."""
    if not isinstance(document, Mapping):
        return
    _may_name(crm, actor, document)
    policy = document.get("policy")
    goal = policy.get("goal") if isinstance(policy, Mapping) else None
    asked = {"audience": document.get("audience"), "policy.goal": goal}
    known = {} if stored is None else {"audience": stored.audience, "policy.goal": stored.policy.get("goal")}
    for place, tree in asked.items():
        if tree is not None and tree != known.get(place):
            segments.understood(crm, tree, actor, place)
