"""The freeze of a campaign from its claim to the first row that may send."""

import logging

from sqlalchemy.orm import Session

from crm_plugin.campaigns.launch import lifecycle, staging
from crm_plugin.campaigns.launch.staging import Freeze
from crm_plugin.campaigns.models import Campaign
from crm_plugin.campaigns.prepared_campaign import (
    audience_of,
    compiled_of,
    confirmed_instant,
    known_to,
    present_of,
    rules_of,
    targets,
)
from crm_plugin.channels.base import Compiled
from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import CrmError, Unavailable
from crm_plugin.links.service import make_links, short_url, signer
from crm_plugin.links.shared_links import adopt, shared_in

log = logging.getLogger(__name__)


def freeze(crm: Crm, campaign_id: int) -> bool:
    """Write the audience of a campaign down, or go on with it; True when it is ready to send now.

    Does nothing while another process is at it.
    """
    token = staging.claim(crm, campaign_id)
    if token is None:
        return False
    with crm.db.read() as session:
        campaign = session.get_one(Campaign, campaign_id)
    try:
        return _freeze(crm, campaign, token)
    except Unavailable as error:
        log.warning("campaign %s cannot be frozen yet: %s", campaign_id, error)
    except CrmError as error:
        # A template or a quick query that it needs is gone: a person must look.
        lifecycle.pause_itself(crm, campaign_id, error.code)
    return False


def _freeze(crm: Crm, campaign: Campaign, token: str) -> bool:
    staged = campaign.freeze_step != "staging"
    known = known_to(crm, campaign)
    audience = audience_of(crm, campaign, known)
    rules = rules_of(crm, campaign, None if staged else _store_links(crm, campaign), known)
    # Its launch confirmed the number of people at that instant: "in the last 30 days" would have moved on.
    present = present_of(crm, campaign, confirmed_instant(crm, campaign.as_of))
    work = Freeze(campaign.id, token, audience, rules, present)
    if not staged and not staging.stage(crm, work):
        return False
    after = campaign.freeze_after if campaign.freeze_step == "copying" else 0
    while (last := staging.copy_chunk(crm, work, after)) is not None:
        after = last
    return staging.end(crm, work, after, crm.clock())


def _store_links(crm: Crm, campaign: Campaign) -> Compiled:

    def work(session: Session) -> Compiled:
        compiled = compiled_of(crm, session, campaign)
        if addresses := targets(compiled, campaign.content):
            make_links(session, campaign.id, addresses, crm.clock())
        return compiled

    compiled = crm.db.run(work)
    fixed: str = getattr(compiled, "fixed_text", "")
    if fixed and short_url(crm.settings, "") in fixed:
        shared = shared_in(crm.settings, signer(crm), fixed)
        crm.db.run(lambda session: adopt(session, campaign.id, shared))
    return compiled
