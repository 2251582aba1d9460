"""Campaigns that stopped by themselves: notices to staff, on the pages and by e-mail."""

import logging
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.models import Campaign
from crm_plugin.campaigns.queries import CampaignRow, rows
from crm_plugin.channels import service as channels
from crm_plugin.channels.base import SERVICE, Recipient
from crm_plugin.channels.registry import carrier_for
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import SYSTEM
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.kernel.errors import CrmError
from crm_plugin.kernel.i18n import Text
from crm_plugin.kernel.key_value import Kept, keep

log = logging.getLogger(__name__)

_TOLD = "campaigns.told"
_BY_HAND = "by_hand"
_SUBJECT = Text("“{name}” has stopped")
_TEXT = Text("The campaign “{name}” ({id}) is {state}: {reason}. Please decide.")


@dataclass(frozen=True, slots=True)
class News:
    """A campaign that stopped by itself."""

    key: str
    campaign_id: int
    name: str
    state: str
    reason: str


def stopped(crm: Crm) -> list[CampaignRow]:
    """Return the campaigns that wait for a person although nobody stopped them, the newest first."""
    itself = sa.and_(Campaign.state == "paused", Campaign.reason != _BY_HAND)
    query = sa.select(Campaign).where(sa.or_(Campaign.state == "held", itself))
    with crm.db.read() as session:
        return rows(session, query.order_by(Campaign.id.desc()))


def tell(crm: Crm) -> int:
    """Send an e-mail about each campaign that stopped since the last time; return how many.

    Once for each stop, to the address of the setting ``notify_email``; without one, nothing.
    """
    if not crm.settings.notify_email:
        return 0
    news = crm.db.run(_news)
    for one in news:
        _send(crm, one)
    return len(news)


def _news(session: Session) -> list[News]:
    """Return what is new, and note it as reported: a mail that fails is not sent a second time."""
    kept = session.get(Kept, _TOLD, with_for_update=True)
    newest = session.scalar(sa.select(sa.func.max(AuditRow.id))) or 0
    if kept is None or newest > kept.value:
        keep(session, _TOLD, newest)
    if kept is None:
        return []
    stops = sa.select(AuditRow).where(AuditRow.id > kept.value, AuditRow.id <= newest)
    stops = stops.where(AuditRow.actor == SYSTEM.id, AuditRow.action.in_(("campaign.pause", "campaign.hold")))
    found = [_of(session, row) for row in session.scalars(stops.order_by(AuditRow.id))]
    return [one for one in found if one is not None]


def _of(session: Session, row: AuditRow) -> News | None:
    campaign = session.get(Campaign, int(row.object_id))
    if campaign is None:
        return None
    return News(f"notice-{row.id}", campaign.id, campaign.name, campaign.state, campaign.reason or "")


def _send(crm: Crm, news: News) -> None:
    try:
        with crm.db.read() as session:
            context = channels.context(crm, session, {})
            subject, text = _SUBJECT.of(context.locale), _TEXT.of(context.locale)
            words = {"name": news.name, "id": news.campaign_id, "state": news.state, "reason": news.reason}
            # The name is staff's own words: given as values, they cannot be read as placeholders.
            own = {"notice": subject.format(**words), "details": text.format(**words)}
            content = {"subject": "{{ notice }}", "text": "{{ details }}", "variables": own}
            compiled = channels.compile_content(crm, session, "email", content, SERVICE).ready()
        message = compiled.render(Recipient(news.key, "", crm.settings.notify_email))
        (receipt,) = carrier_for(crm, "email").submit([message], lambda: True)
    except CrmError as error:
        log.warning("the mail that campaign %s has stopped could not be sent: %s", news.campaign_id, error)
        return
    if receipt.status != "accepted":
        log.warning(
            "the mail that campaign %s has stopped was not taken: %s", news.campaign_id, receipt.reason
        )
