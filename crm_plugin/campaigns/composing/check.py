"""The last look at a draft: its check and how one person would get it, read once for both."""

from dataclasses import dataclass

from crm_plugin.campaigns import access
from crm_plugin.campaigns.composing.preflight import Preflight, preflight
from crm_plugin.campaigns.composing.preview import Preview, rendered, somebody
from crm_plugin.campaigns.ledger import campaign_states
from crm_plugin.campaigns.prepared_campaign import made_of
from crm_plugin.campaigns.queries import CampaignRow, row_of
from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor
from crm_plugin.kernel.errors import Clause


@dataclass(frozen=True, slots=True)
class Checked:
    """A draft with all that a person looks at before they launch it."""

    draft: CampaignRow
    found: Preflight
    preview: Preview


def check(crm: Crm, actor: Actor, campaign_id: int, person_host_id: str | None = None) -> Checked:
    """Check a draft and render it for one person.

    :param person_host_id: whose data fill it in; see :func:`~crm_plugin.campaigns.composing.preview.preview`.
    :raises Conflict: ``campaign.bad_state`` once it was launched.
    """
    with crm.db.read() as session:
        campaign = access.one(session, actor, campaign_id, "crm.send")
        campaign_states.check_state(campaign.state, ("draft",), Clause("changed"))
        made = made_of(crm, session, campaign)
        found = preflight(crm, session, campaign, made)
        wanted = (actor, campaign, person_host_id, found.audience)
        person = somebody(crm, session, *wanted) if made.compiled else None
        shown = rendered(crm, actor, campaign.content, made, person)
        return Checked(row_of(campaign), found, shown)
