"""Replies to SMS: the people that they count for, what they do to consent, and the staff to read them.

A reply counts for everybody who has its number, as of the moment it was sent. The same reply again is no
second one. Where nobody has the number, the number itself is stopped.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.feedback.bounce_effects import LEFT
from crm_plugin.campaigns.models import Campaign, Delivery, Reply
from crm_plugin.channels.sms.carriers.pushes import Inbound
from crm_plugin.channels.sms.reply_words import Heard, hear, words_of
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.bulk import among
from crm_plugin.kernel.db.writes import insert_missing
from crm_plugin.profiles.consent import by_address
from crm_plugin.profiles.store.host_info_cache import region_of
from crm_plugin.profiles.store.phone_numbers import phone_key

log = logging.getLogger(__name__)

CHANNEL = "sms"
NOBODY = 0
SOURCE = "reply"
"""How it reached us, in the ledger of consent."""
_OLDEST = timedelta(days=366)


def take_all(crm: Crm, carrier: str, inbound: Sequence[Inbound]) -> None:
    """Take the replies of one push, each in a transaction of its own."""
    for one in inbound:
        crm.db.run(partial(_take, crm, carrier, one))


def _take(crm: Crm, carrier: str, one: Inbound, session: Session) -> None:
    number = phone_key(one.number, region_of(crm) or None)
    if number is None:
        log.info("a reply by the SMS carrier %s came from no telephone number", carrier)
        return
    people = by_address.people_at(crm, session, CHANNEL, number)
    event = one.name(carrier)
    if session.scalar(sa.select(Reply.id).where(Reply.event_key == event).limit(1)) is not None:
        return
    settings = crm.settings
    heard = hear(one.text, words_of(settings.sms_stop_words, settings.sms_start_words))
    heard = Heard(one.wish) if one.wish else heard
    if not people and not heard.wish:
        return  # of somebody unknown, and nothing to do
    at = _moment(crm, one.at)
    if heard.wish == "stop":
        by_address.stop(crm, session, CHANNEL, number, at, SOURCE)
    elif heard.wish == "start":
        by_address.resume(crm, session, CHANNEL, number, at, SOURCE)
    row = Reply(event_key=event, carrier=carrier, address_key=number, wish=heard.wish, text=one.text, at=at)
    row.done_at = at if heard.whole else None
    keep(session, row, people)


def _moment(crm: Crm, at: datetime | None) -> datetime:
    """Return when a reply was sent; a clock that is ahead, or an invented year, dates nothing."""
    now = crm.clock()
    return at if at is not None and now - _OLDEST <= at <= now else now


def keep(session: Session, row: Reply, people: Sequence[int]) -> None:
    """Store what came from a number, a row each person, with the actor of the last message there.

    :param row: what is the same for all of them.
    """
    sent = _last_sent(session, row, people) if row.delivery_id is None else None
    values = {name: getattr(row, name) for name in _COPIED} | {"channel": CHANNEL}
    if sent is not None:
        values |= {"delivery_id": sent[0], "staff": sent[1]}
    if not people:
        # Of somebody unknown only what it did is kept.
        values |= {"text": "", "done_at": row.at}
    rows = [{**values, "person_id": person} for person in people or [NOBODY]]
    insert_missing(session, Reply, rows, key=["event_key", "person_id"])


_COPIED = ("event_key", "carrier", "address_key", "wish", "text", "at", "delivery_id", "staff", "done_at")


def _last_sent(session: Session, row: Reply, people: Sequence[int]) -> tuple[int, str | None] | None:
    """Return (ledger row, the actor who sent it) of the last message to a number before a moment."""
    query = (
        sa.select(Delivery.id, sa.func.coalesce(Campaign.launched_by, Campaign.created_by))
        .join(Campaign, Campaign.id == Delivery.campaign_id)
        .where(among(session, Delivery.person_id, people), Delivery.state.in_(LEFT))
        .where(Delivery.channel == CHANNEL, Delivery.address_key == row.address_key)
        .where(Delivery.handed_at <= row.at)
        .order_by(Delivery.handed_at.desc(), Delivery.id.desc())
        .limit(1)
    )
    found = session.execute(query).first()
    return None if found is None else (found[0], found[1])
