"""Numbers that an SMS carrier blocks, as their people opted out or complained: an opt-out with us too.

The code comes at the call or in a report, also before its message is settled. So it is read in the ledger,
where all ways end: the reason begins with one of :data:`REFUSING`.
"""

from datetime import timedelta
from functools import partial

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.feedback import replies
from crm_plugin.campaigns.feedback.replies import CHANNEL
from crm_plugin.campaigns.models import Campaign, Delivery, Reply
from crm_plugin.channels.sms.carriers.receipt_codes import REFUSING
from crm_plugin.host.context import Crm
from crm_plugin.profiles.consent import by_address

SOURCE = "carrier"
"""How it reached us, in the ledger of consent."""
_LATELY = timedelta(days=4)
"""Since the end of a campaign; carriers are asked about its messages for three days."""
_BATCH = 500


def sweep(crm: Crm) -> int:
    """Take the opt-outs that carriers reported lately and nobody has looked at; return how many."""
    round_ = crm.round("campaigns.refusals")
    found = _fresh(crm, round_.left_alone)
    return len(round_.each(found, lambda id: crm.db.run(partial(_take, crm, id))))


def _fresh(crm: Crm, left_alone: list[int]) -> list[int]:
    lately = sa.or_(Campaign.finished_at.is_(None), Campaign.finished_at >= crm.clock() - _LATELY)
    campaigns = sa.select(Campaign.id).where(
        Campaign.channel == CHANNEL, Campaign.launched_at.is_not(None), lately
    )
    query = sa.select(Delivery.id).where(
        Delivery.campaign_id.in_(campaigns),
        Delivery.state == "failed_permanent",
        sa.or_(*(Delivery.reason.startswith(kind, autoescape=True) for kind in REFUSING)),
        Delivery.address_key.is_not(None),
        Delivery.id.not_in(left_alone),
        ~sa.exists().where(Reply.delivery_id == Delivery.id, Reply.wish == "refused"),
    )
    with crm.db.read() as session:
        return list(session.scalars(query.order_by(Delivery.id).limit(_BATCH)))


def _take(crm: Crm, delivery_id: int, session: Session) -> None:
    row = session.get(Delivery, delivery_id)
    if row is None or row.address_key is None:
        return
    carrier, number, at = row.carrier or "", row.address_key, row.settled_at or crm.clock()
    people = by_address.people_at(crm, session, CHANNEL, number)
    if session.scalar(sa.select(Reply.id).where(Reply.event_key == f"refused:{row.id}").limit(1)):
        return  # another worker was here
    by_address.stop(crm, session, CHANNEL, number, at, SOURCE)
    code = (row.reason or "").partition(":")[2]
    said = Reply(event_key=f"refused:{row.id}", carrier=carrier, address_key=number, wish="refused")
    said.text, said.at, said.delivery_id, said.done_at = code, at, row.id, at
    replies.keep(session, said, people)
