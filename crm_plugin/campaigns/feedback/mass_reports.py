"""Delivery reports of one campaign that all name one failure: its messages may be sent again.

An operator that dislikes a text, a signature or an account accepts every message, and reports the failure
of each later. So when half of a campaign fails with one code, a person has to look, and nobody is lost.
"""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.feedback import alike
from crm_plugin.campaigns.ledger.states import move
from crm_plugin.campaigns.models import Delivery
from crm_plugin.channels.sms.carriers.receipt_codes import REFUSING
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.bulk import among

REASON = "reported_alike"
_LOOKED_AT = 500


def look(crm: Crm, carrier: str, refs: Sequence[str]) -> None:
    """Look at the campaigns whose messages a carrier has just reported as failed.

    :param refs: the carrier's references of those messages.
    """
    found: set[tuple[int, str]] = set()
    for start in range(0, len(refs), _LOOKED_AT):
        found |= _failures(crm, carrier, refs[start : start + _LOOKED_AT])
    for campaign_id, reason in sorted(found):
        crm.db.run(lambda session, of=campaign_id, why=reason: _excuse(session, of, why, crm.clock()))  # type: ignore[misc]


def _failures(crm: Crm, carrier: str, refs: Sequence[str]) -> set[tuple[int, str]]:
    """Return (campaign, reason) of messages that failed, but for refusals of the recipients themselves."""
    with crm.db.read() as session:
        query = sa.select(Delivery.campaign_id, Delivery.reason).distinct()
        query = query.where(Delivery.carrier == carrier, among(session, Delivery.carrier_ref, refs))
        rows = session.execute(query.where(Delivery.state == "failed_permanent")).all()
    return {(id, why) for id, why in rows if why and why.partition(":")[0] not in REFUSING}


def _excuse(session: Session, campaign_id: int, reason: str, at: datetime) -> None:
    mine = (Delivery.campaign_id == campaign_id, Delivery.reason == reason)
    failed = sa.select(sa.func.count()).select_from(Delivery).where(*mine)
    if not alike.are_most(session, campaign_id, failed):
        return
    moved = move(session, "doubt", ["failed_permanent"], "failed_transient", *mine)
    if moved >= alike.ENOUGH:  # later ones come by themselves
        alike.stop(session, campaign_id, at, REASON)
