"""Campaigns that stopped by themselves: notices to staff, on the pages and by e-mail."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.delivery import circuit_breaker
from crm_plugin.campaigns.feedback import mass_bounces, mass_reports
from crm_plugin.campaigns.models import Campaign
from crm_plugin.campaigns.queries import CampaignRow, rows
from crm_plugin.channels import service as channels
from crm_plugin.channels.base import SERVICE, Message, Recipient
from crm_plugin.channels.email.smtp.connect_faults import spoken
from crm_plugin.channels.handing_over import hand_over
from crm_plugin.channels.registry import carrier_for
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import SYSTEM
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.kernel.clock import parse_instant
from crm_plugin.kernel.errors import CrmError
from crm_plugin.kernel.i18n import Text
from crm_plugin.kernel.key_value import Kept, keep

log = logging.getLogger(__name__)

_TOLD = "campaigns.told"
_BY_HAND = "by_hand"
_SUBJECT = Text("“{name}” has stopped")
_TEXT = Text("The campaign “{name}” ({id}) is {state}: {reason}. Please decide.")
_LAST_WORDS = Text("The carrier said last: {words}")
REFUSALS = (circuit_breaker.REASON, circuit_breaker.ALIKE)
"""Reasons of a stop of which the carrier has words."""
_AFTERWARDS = {f"campaign.{reason}": reason for reason in (mass_bounces.REASON, mass_reports.REASON)}
ACTIONS = ("campaign.pause", "campaign.hold", *_AFTERWARDS)
"""What the audit log calls a stop, or bounces that a person has to look at."""
RETRY_AFTER = timedelta(minutes=1)
"""Between two attempts to send a notice that nobody took."""


@dataclass(frozen=True, slots=True)
class News:
    """A campaign that stopped by itself."""

    id: int
    """Of the audit row that recorded the stop."""
    campaign_id: int
    name: str
    state: str
    reason: str
    last_words: str
    """What the carrier said of its last refusal."""


def stopped(crm: Crm) -> list[CampaignRow]:
    """Return the campaigns that wait for a person although nobody stopped them, the newest first."""
    itself = sa.and_(Campaign.state == "paused", Campaign.reason != _BY_HAND)
    query = sa.select(Campaign).where(sa.or_(Campaign.state == "held", itself))
    with crm.db.read() as session:
        return rows(session, query.order_by(Campaign.id.desc()))


def notify(crm: Crm) -> int:
    """Send an e-mail about each campaign that stopped by itself since the last one; return how many.

    Once for each stop, to the address of the setting ``notify_email``; without one, nothing. A notice that
    the mail server does not take is kept and tried again until it does: that server may be what failed.
    """
    count = 0
    while crm.settings.notify_email:
        news = crm.db.run(lambda session: _next(crm, session))
        if news is None or crm.round("campaigns.notices").one(news.id, partial(_send, crm, news)) == [False]:
            break
        crm.db.run(partial(_sent, news.id))
        count += 1
    return count


def _next(crm: Crm, session: Session) -> News | None:
    """Return the oldest stop that nobody was written about, and keep other workers from it for a while."""
    kept = session.get(Kept, _TOLD, with_for_update=True)
    if kept is None:  # what stopped before there was an address stands on the home page only
        _sent(session.scalar(sa.select(sa.func.max(AuditRow.id))) or 0, session)
        return None
    done, retry_at = _read(kept.value)
    if retry_at is not None and crm.clock() < retry_at:
        return None
    stops = sa.select(AuditRow).where(AuditRow.id > done, AuditRow.actor == SYSTEM.id)
    stops = stops.where(AuditRow.action.in_(ACTIONS)).order_by(AuditRow.id)
    found = next(filter(None, (_of(session, row) for row in session.scalars(stops))), None)
    if found is not None:
        retry_at = crm.clock() + RETRY_AFTER
        keep(session, _TOLD, {"done": done, "retry_at": retry_at.isoformat()})
    return found


def _read(value: Any) -> tuple[int, datetime | None]:
    """Return the last audit row that is done, and when to try the next one again."""
    if isinstance(value, int):  # as the first version kept it
        return value, None
    return value["done"], parse_instant(value["retry_at"]) if value["retry_at"] else None


def _sent(audit_id: int, session: Session) -> None:
    keep(session, _TOLD, {"done": audit_id, "retry_at": None})


def _of(session: Session, row: AuditRow) -> News | None:
    """Return a stop as news, while the campaign still waits for a person."""
    campaign = session.get(Campaign, int(row.object_id))
    over = _AFTERWARDS.get(row.action)
    if campaign is None or not (over or campaign.state in ("paused", "held")):
        return None
    why, words = over or campaign.reason or "", campaign.last_words or ""
    return News(row.id, campaign.id, campaign.name, campaign.state, why, words if why in REFUSALS else "")


def _send(crm: Crm, news: News) -> bool:
    """Send a notice; return whether it was taken, as far as anybody can know."""
    try:
        message = _rendered(crm, news)
        (receipt,) = hand_over(carrier_for(crm, "email"), [message], lambda: True)
    except CrmError as error:
        log.warning("the mail that campaign %s has stopped could not be sent: %s", news.campaign_id, error)
        return False
    if receipt.status not in ("accepted", "unknown"):
        log.warning(
            "the mail that campaign %s has stopped was not taken: %s", news.campaign_id, receipt.reason
        )
        return False
    return True


def _plain(words: str) -> str:
    """Return words of staff or of a carrier so that nothing in them reads like a placeholder."""
    return words.translate(_BRACKETS)


_BRACKETS = str.maketrans("{}[]", "()()")


def _rendered(crm: Crm, news: News) -> Message:
    with crm.db.read() as session:
        context = channels.context(crm, session, {})
        words = {
            "name": _plain(news.name),
            "id": news.campaign_id,
            "state": news.state,
            "reason": news.reason,
        }
        subject = _SUBJECT.of(context.locale).format(**words)
        text = _TEXT.of(context.locale).format(**words)
        if news.last_words:
            text += "\n\n" + _LAST_WORDS.of(context.locale).format(
                words=_plain(spoken(news.last_words, context.locale))
            )
        # The name is staff's own words: given as values, they cannot be read as placeholders.
        own = {"notice": subject, "details": text}
        content = {"subject": "{{ notice }}", "text": "{{ details }}", "variables": own}
        compiled = channels.compile_content(crm, session, "email", content, SERVICE).ready()
    return compiled.render(Recipient(f"notice-{news.id}", "", crm.settings.notify_email))
