"""A campaign that repeats: it stays as it was confirmed, and each period sends a child that is like it.

When the periods are is no matter of this module (``automations/recurring`` knows).
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from crm_plugin.campaigns import access
from crm_plugin.campaigns.composing.preflight import Preflight, preflight
from crm_plugin.campaigns.ledger import campaign_states
from crm_plugin.campaigns.models import Campaign
from crm_plugin.campaigns.prepared_campaign import confirmed_instant, searches_of
from crm_plugin.channels import service as channel_service
from crm_plugin.channels.base import Problem
from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor
from crm_plugin.kernel.errors import BadInput, Clause, Conflict

NOBODY = "campaign.empty_audience"
"""No fault of a campaign that repeats: the next period may find somebody."""
_REPEATED = Clause("repeated")
_KEPT = (
    *("channel", "purpose", "topic_id", "audience", "searches", "content", "policy", "holdout", "zone"),
    *("scope", "contacts", "created_by", "launched_by"),
)
"""What a child has of its parent."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What the pre-flight says of a period that would begin now."""

    found: Preflight
    expires_at: datetime | None

    @property
    def is_empty(self) -> bool:
        """Nobody is in the audience."""
        return any(one.code == NOBODY for one in self.found.errors)

    @property
    def fault(self) -> Problem | None:
        """The first error that stands in the way."""
        return next((one for one in self.found.errors if one.code != NOBODY), None)


def check(crm: Crm, campaign_id: int) -> Checked:
    """Check a campaign that repeats as if a period began now; changes nothing."""
    with crm.db.read() as session:
        return _checked(crm, session, session.get_one(Campaign, campaign_id))


def check_draft(crm: Crm, actor: Actor, campaign_id: int, as_of: datetime | None = None) -> Checked:
    """Check a draft that is to repeat.

    :param as_of: the instant of the check that showed the number of people.
    :raises Conflict: ``campaign.bad_state`` unless it is a draft for many people.
    """
    with crm.db.read() as session:
        campaign = access.one(session, actor, campaign_id, "crm.send")
        campaign_states.check_state(campaign.state, ("draft",), _REPEATED)
        if campaign.kind == "single":
            raise Conflict("campaign.bad_state", state="draft", verb=_REPEATED)
        return _checked(crm, session, campaign, confirmed_instant(crm, as_of))


def _checked(crm: Crm, session: Session, campaign: Campaign, at: datetime | None = None) -> Checked:
    expires = campaign.policy.get("expires_at")
    found = preflight(crm, session, campaign, at=at)
    return Checked(found, datetime.fromisoformat(expires) if expires else None)


def begin(crm: Crm, session: Session, actor: Actor, campaign_id: int, found: Preflight) -> None:
    """Let a checked draft repeat: from now on its text, conditions and quick queries stay as they are.

    :raises Conflict: ``campaign.changed`` when somebody wrote over it since the check.
    """
    campaign_states.lock(session, campaign_id)
    campaign = access.one(session, actor, campaign_id, "crm.send")
    campaign_states.check_state(campaign.state, ("draft",), _REPEATED)
    if campaign.revision != found.revision:
        raise Conflict("campaign.changed")
    campaign.content = channel_service.pinned(crm, session, campaign.content)
    campaign.searches = searches_of(crm, found.references)
    values = {"kind": "recurring", "planned_at": None, "launched_by": actor.id}
    session.flush()
    campaign_states.demand(session, campaign_id, "repeat", _REPEATED, **values)


def rewrite(session: Session, campaign_id: int) -> None:
    """Make a draft of it again: its text and its conditions may be changed, until it begins again."""
    campaign_states.demand(session, campaign_id, "rewrite", Clause("changed"), searches=None)
    campaign = session.get_one(Campaign, campaign_id, populate_existing=True)
    pinned = channel_service.PINNED
    campaign.content = {key: value for key, value in campaign.content.items() if key not in pinned}


def end(session: Session, campaign_id: int, at: datetime) -> None:
    """End it for good; its children stay as they are."""
    campaign_states.demand(session, campaign_id, "end", Clause("ended"), finished_at=at)


def make_child(crm: Crm, session: Session, parent_id: int, due_at: datetime, day: str) -> int:
    """Make the child of a period: a planned campaign, started like every other one; return its id.

    :param day: of the period: its name ends in it.
    :raises BadInput: ``input.bad`` when the parent does not repeat any more.
    """
    parent = session.get_one(Campaign, parent_id, populate_existing=True)
    if parent.state != "repeating":
        raise BadInput("input.bad", "campaign", reason=Clause("expected one that repeats"))
    child = Campaign(**{key: getattr(parent, key) for key in _KEPT})
    child.name = f"{parent.name[:178]} · {day}"
    child.kind, child.parent_id = "campaign", parent_id
    child.state, child.planned_at = "scheduled", due_at
    child.created_at = child.updated_at = crm.clock()
    session.add(child)
    session.flush()
    return child.id
