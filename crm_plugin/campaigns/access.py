"""Rights on campaigns: what an actor may see and do. Every verb checks them here, in the session that works.

Three things are checked. May the actor do that (``crm.view`` to look, ``crm.send`` to change)? May they see
the campaign? May they use its conditions? Commands come as :data:`crm_plugin.host.permissions.OPERATOR`,
which may do everything.

Staff limited to some courses see the campaigns that they made themselves while they were limited to those
courses or fewer. All others were decided about people outside their limits.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from crm_plugin.campaigns import queries
from crm_plugin.campaigns.document.schemas import TITLES
from crm_plugin.campaigns.models import Campaign
from crm_plugin.campaigns.queries import CampaignRow, Listed
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import OPERATOR, need, sees_work
from crm_plugin.host.records import Actor
from crm_plugin.kernel.errors import Clause, NotFound
from crm_plugin.profiles.people.queries import courses_by_host_id, person_id_of
from crm_plugin.profiles.store.course_scope import sees
from crm_plugin.segments import service as segments


def is_visible(campaign: Campaign | CampaignRow, actor: Actor) -> bool:
    """Return whether an actor may see a campaign."""
    return sees_work(actor, campaign.created_by, campaign.scope)


def one(session: Session, actor: Actor, campaign_id: int, permission: str = "crm.view") -> Campaign:
    """Return a campaign that the actor may see and has the permission for.

    :raises Refused: ``access.refused``.
    :raises NotFound: ``object.missing``, the same for one that the actor may not see.
    """
    need(actor, permission)
    campaign = queries.one(session, campaign_id)
    if not is_visible(campaign, actor):
        raise NotFound("object.missing", kind=Clause("campaign"), id=campaign_id)
    return campaign


def find(session: Session, actor: Actor, campaign_id: int, permission: str = "crm.view") -> CampaignRow:
    """Return the same as plain values, for pages."""
    return queries.row_of(one(session, actor, campaign_id, permission))


def get(crm: Crm, actor: Actor, campaign_id: int, permission: str = "crm.view") -> CampaignRow:
    """Return the same where nothing else is read with it."""
    with crm.db.read() as session:
        return find(session, actor, campaign_id, permission)


def listing(
    crm: Crm,
    actor: Actor,
    *,
    states: Sequence[str] = (),
    before: int | None = None,
    limit: int = 50,
    parent: int | None = None,
) -> list[Listed]:
    """Return the campaigns that the actor may see, newest first.

    :param before: the id of the last one seen.
    :param parent: the children of this campaign; None = those that are nobody's children.
    """
    need(actor, "crm.view")
    author = None if actor.scope is None else actor.id
    found = queries.listing(crm, states=states, before=before, limit=limit, author=author, parent=parent)
    return [each for each in found if is_visible(each.campaign, actor)]


def several(session: Session, actor: Actor, ids: Sequence[int]) -> dict[int, CampaignRow]:
    """Return those of some campaigns that the actor may see and nobody deleted, by their ids."""
    need(actor, "crm.view")
    return {row.id: row for row in queries.by_ids(session, ids) if is_visible(row, actor)}


def named(crm: Crm, actor: Actor, limit: int) -> list[queries.Named]:
    """Return the newest campaigns that the actor may see, by their names."""
    need(actor, "crm.view")
    if actor.scope is None:
        return queries.named(crm, limit)
    mine = queries.named(crm, limit, actor.id)
    return [each for each in mine if each.scope is not None and actor.scope.issuperset(each.scope)]


def sees_person(session: Session, actor: Actor, host_id: str) -> bool:
    """Return whether the actor may see somebody, by the school's id; nobody sees a missing person."""
    try:
        return sees(session, person_id_of(session, host_id), actor.scope)
    except NotFound:
        return False


def check_asked(crm: Crm, actor: Actor, document: Any, stored: CampaignRow | None = None) -> None:
    """Refuse conditions that the actor may not use: each count of their people would reveal the value.

    :param stored: what the draft holds: what it asked before may stay.
    :raises Refused: ``segment.needs_contacts``, ``segment.needs_money``.
    :raises NotFound: ``object.missing`` for a course outside the actor's.
    """
    if actor == OPERATOR or not isinstance(document, Mapping):
        return  # nobody's private quick query is hidden from who can read the database
    _check_named(crm, actor, document)
    policy = document.get("policy")
    goal = policy.get("goal") if isinstance(policy, Mapping) else None
    asked = {"audience": document.get("audience"), "policy.goal": goal}
    known = {} if stored is None else {"audience": stored.audience, "policy.goal": stored.policy.get("goal")}
    for place, tree in asked.items():
        if tree is not None and tree != known.get(place):
            segments.understood(crm, tree, actor, place)


def _check_named(crm: Crm, actor: Actor, document: Mapping[str, Any]) -> None:
    """Refuse a course or class outside the actor's: its title would be filled in."""
    named = [document[key] for key in TITLES if isinstance(document.get(key), str) and document[key]]
    if actor.scope is None or not named:
        return
    with crm.db.read() as session:
        known = courses_by_host_id(session, named, actor.scope)
    for ident in named:
        if ident not in known:
            raise NotFound("object.missing", kind=Clause("course"), id=ident)
