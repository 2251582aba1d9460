"""Delivery reports of one campaign that all name one failure: its messages may be sent again.

An operator that dislikes a text, a signature or an account accepts every message, and reports the failure
of each later. So when half of a campaign fails with one code, a person has to look, and nobody is lost.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.feedback import alike
from crm_plugin.campaigns.ledger.states import move
from crm_plugin.campaigns.models import Delivery
from crm_plugin.channels.sms.carriers.receipt_codes import REFUSING
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.bulk import among

REASON = "reported_alike"
FAILED = ("failed_permanent", "failed_transient")
_LOOKED_AT = 500


def look(crm: Crm, carrier: str, refs: Sequence[str]) -> None:
    """Look at the campaigns whose messages a carrier has just reported as failed.

    :param refs: the carrier's references of those messages.
    """
    found: set[tuple[int, str]] = set()
    for start in range(0, len(refs), _LOOKED_AT):
        found |= _failures(crm, carrier, refs[start : start + _LOOKED_AT])
    for campaign_id, reason, count in _frequent(crm, found) if found else ():
        crm.db.run(partial(_excuse, of=campaign_id, reason=reason, count=count, at=crm.clock()))


def _failures(crm: Crm, carrier: str, refs: Sequence[str]) -> set[tuple[int, str]]:
    """Return (campaign, reason) of messages that failed, but for refusals of the recipients themselves."""
    with crm.db.read() as session:
        query = sa.select(Delivery.campaign_id, Delivery.reason).distinct()
        query = query.where(Delivery.carrier == carrier, among(session, Delivery.carrier_ref, refs))
        rows = session.execute(query.where(Delivery.state == "failed_permanent")).all()
    return {(id, why) for id, why in rows if why and why.partition(":")[0] not in REFUSING}


def _frequent(crm: Crm, failures: set[tuple[int, str]]) -> list[tuple[int, str, int]]:
    """Return (campaign, reason, rows) of the failures that are frequent enough to say something."""
    campaigns, reasons = ({one[part] for one in failures} for part in (0, 1))
    rows = sa.func.count()
    with crm.db.read() as session:
        query = sa.select(Delivery.campaign_id, Delivery.reason, rows)
        query = query.where(
            among(session, Delivery.campaign_id, sorted(campaigns)), Delivery.state.in_(FAILED)
        )
        query = query.where(among(session, Delivery.reason, sorted(reasons)))
        found = session.execute(
            query.group_by(Delivery.campaign_id, Delivery.reason).having(rows >= alike.ENOUGH)
        ).all()
    return sorted((id, str(why), count) for id, why, count in found if (id, why) in failures)


def _excuse(session: Session, *, of: int, reason: str, count: int, at: datetime) -> None:
    if not alike.are_most(session, count, Delivery.campaign_id == of):
        return
    mine = (Delivery.campaign_id == of, Delivery.reason == reason)
    moved = move(session, "doubt", ["failed_permanent"], "failed_transient", *mine)
    if moved >= alike.ENOUGH:  # later ones come by themselves
        alike.stop(session, of, at, REASON)
