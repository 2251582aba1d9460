"""Whose rows of the ledger are whose: when two people turn out to be one, and when one is erased.

Rows keep the address that they were frozen with: it may be that of more people than hold it now.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.ledger.states import COUNTED, OPEN, key, move
from crm_plugin.campaigns.models import Campaign, Delivery, Staged
from crm_plugin.channels import outbox
from crm_plugin.kernel.db.bulk import among
from crm_plugin.kernel.db.sql_clock import db_now
from crm_plugin.links import measures
from crm_plugin.profiles.extension import Address
from crm_plugin.profiles.models.school import Person

NOT_LEFT = ("pending", "waiting", "leased")
_UNDER_WAY = ("freezing", "sending", "paused", "held")


@dataclass(slots=True)
class _Plan:
    """Ids of ledger rows by what a merge does to them."""

    moved: list[int] = field(default_factory=list)
    """Go to the person that remains."""
    back: list[int] = field(default_factory=list)
    """Rows of the one that remains that change places with a moved one of the same campaign."""
    dropped: list[int] = field(default_factory=list)
    """Of those, the ones that would still send: the person has had this campaign's message already."""


def merge(session: Session, source: int, target: int) -> None:
    """Let the ledger of one account go over to the one that remains; again = no change.

    Caps, facts, clicks, timeline and segments see one person then. A row that has not left stays: at
    its marking it is excluded, as the account is gone. A campaign that considered both keeps a row for
    each (the database allows one a person): the one whose message left goes to the account that
    remains. Where both left, the campaign counts once.

    :param source: our id of the account that is gone, ``target`` of the one that remains.
    """
    plan = _plan(session, source, target)
    if plan.dropped:
        _exclude(session, Delivery.id.in_(plan.dropped), "duplicate")
    # Out of the way first: (campaign, person) is unique at every statement. No person has such an id.
    _give(session, plan.back, -source)
    _give(session, plan.moved, target)
    _give(session, plan.back, source)
    measures.give(session, plan.moved, target)


def _plan(session: Session, source: int, target: int) -> _Plan:
    columns = (Delivery.id, Delivery.campaign_id, Delivery.person_id, Delivery.state)
    rows = session.execute(sa.select(*columns).where(Delivery.person_id.in_((source, target)))).all()
    theirs = {row.campaign_id: row for row in rows if row.person_id == target}
    plan = _Plan()
    for row in rows:
        if row.person_id != source or row.state in NOT_LEFT:
            continue
        other = theirs.get(row.campaign_id)
        if other is None:
            plan.moved.append(row.id)
        elif row.state in COUNTED and other.state not in COUNTED:
            plan.moved.append(row.id)
            plan.back.append(other.id)
            plan.dropped += [other.id] if other.state in NOT_LEFT else []
    return plan


def _give(session: Session, ids: Sequence[int], person_id: int) -> None:
    if ids:
        session.execute(_update(Delivery).where(Delivery.id.in_(ids)).values(person_id=person_id))


def erase(session: Session, ids: Sequence[int]) -> None:
    """Forget what the ledger and the outbox hold on people; the numbers stay.

    What has not left is excluded at once, a freeze under way decides so too. A message that is at the
    carrier keeps its address until it is settled: :func:`erase_again` takes it then.

    :param ids: our ids of persons.
    """
    theirs = among(session, Delivery.person_id, ids)
    _exclude(session, theirs, "status")
    empty: dict[str, Any] = {"address": None, "address_key": None}
    session.execute(_update(Delivery).where(theirs, Delivery.state.not_in(OPEN)).values(**empty))
    staged = _update(Staged).where(among(session, Staged.person_id, ids))
    session.execute(staged.values(reason="status", **empty))
    rows = session.execute(sa.select(Delivery.campaign_id, Delivery.id).where(theirs)).all()
    persons = session.scalars(sa.select(Person.host_id).where(among(session, Person.id, ids))).all()
    outbox.forget(session, [key(*row) for row in rows], persons)


def erase_again(session: Session, ids: Sequence[int]) -> None:
    """The same for those of these people who are erased: something may have been under way meanwhile."""
    erased = (Person.status == "erased", Person.merged_into.is_(None))
    found = session.scalars(sa.select(Person.id).where(among(session, Person.id, ids), *erased)).all()
    if found:
        erase(session, found)


def _exclude(session: Session, where: sa.ColumnElement[bool], reason: str) -> None:
    values: dict[str, Any] = {"address": None, "address_key": None, "token": None, "lease_until": None}
    values |= {"waits_until": None, "settled_at": db_now(session)}
    move(session, "drop", NOT_LEFT, "excluded", where, reason=reason, **values)


def _update(model: Any) -> sa.Update:
    return sa.update(model).execution_options(synchronize_session=False)


def holders(session: Session, addresses: Iterable[Address]) -> list[int]:
    """Return the persons of messages that are still to go to one of the addresses.

    Their own address may be another one by now: a marking locks them all the same.
    """
    open_campaigns = sa.select(Campaign.id).where(Campaign.state.in_(_UNDER_WAY))
    found: list[int] = []
    for channel, address_key in addresses:
        rows = sa.select(Delivery.person_id).where(
            Delivery.campaign_id.in_(open_campaigns),
            Delivery.channel == channel,
            Delivery.address_key == address_key,
            Delivery.state.in_(NOT_LEFT),
        )
        found += session.scalars(rows)
    return found
