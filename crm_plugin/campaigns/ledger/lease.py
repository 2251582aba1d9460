"""Leases: a worker reserves a batch of rows before it does anything with them; a crash gives them back."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.ledger import states
from crm_plugin.campaigns.ledger.states import move
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db import numbered_list
from crm_plugin.kernel.db.sql_clock import db_now_of
from crm_plugin.profiles.models.school import Person

VALUES = ("username", "display_name", "real_name")
"""Variables of a content that are columns of the person."""


@dataclass(slots=True)
class Row:
    """A leased row with what is needed to render it."""

    id: int
    person_id: int
    person: str
    """The school's id."""
    address: str
    timezone: str | None
    tries: int
    values: Mapping[str, str | None]


@dataclass(slots=True)
class Batch:
    """Rows leased under one token."""

    token: str
    rows: list[Row] = field(default_factory=list)


def take(crm: Crm, campaign_id: int, count: int, closed: Collection[str] = ()) -> Batch:
    """Lease up to ``count`` pending rows of a campaign that is sending, oldest first.

    :param closed: domains of e-mail whose limit takes nothing now; their rows stay where they are.
    """
    token = str(uuid4())

    def work(session: Session) -> list[Row]:
        free = _free(tuple(sorted(closed)))
        values = {"campaign": campaign_id, "most": count}
        ids = [row.id for row in session.connection().execute(free, values)]
        if not ids:
            return []
        dialect = crm.db.dialect
        leasing = _leasing(dialect, crm.settings.lease_seconds, numbered_list.size(dialect, len(ids)))
        states.take(session, leasing, {"holder": token, **numbered_list.given(dialect, ids)})
        return rows_of(session, token, "leased")

    return Batch(token, crm.db.run(work))


def give_back(crm: Crm, campaign_id: int, token: str) -> int:
    """Return what this token still only leases; in a cancelled campaign it is cancelled instead."""
    return crm.db.run(lambda session: put_back(session, [campaign_id], Delivery.token == token))


def put_back(session: Session, campaigns: Collection[int], *where: Any) -> int:
    """Turn leased rows of these campaigns into pending ones, or into cancelled ones; return how many.

    The campaigns are locked first. A cancel walks through the rows state by state and may miss one that
    was leased behind its back: it must not become pending after that.
    """
    count = 0
    for campaign_id, state in lock_all(session, campaigns).items():
        target = "cancelled" if state == "cancelled" else "pending"
        mine = (Delivery.campaign_id == campaign_id, *where)
        count += move(session, "give_back", ["leased"], target, *mine, token=None, lease_until=None)
    return count


def lock_all(session: Session, campaigns: Collection[int]) -> dict[int, str]:
    """Lock campaigns in the order of their ids; return their states."""
    query = sa.select(Campaign.id, Campaign.state).where(Campaign.id.in_(tuple(campaigns)))
    rows = session.execute(query.order_by(Campaign.id).with_for_update())
    return {row.id: row.state for row in rows}


def ripen(crm: Crm, campaign_id: int) -> int:
    """Turn waiting rows whose time has come into pending ones; return how many."""
    due = (Delivery.campaign_id == campaign_id, Delivery.waits_until <= crm.clock())
    with crm.db.read() as session:
        if session.scalar(sa.select(Delivery.id).where(Delivery.state == "waiting", *due).limit(1)) is None:
            return 0
    return crm.db.run(lambda session: _ripen(session, campaign_id, due))


def _ripen(session: Session, campaign_id: int, due: tuple[Any, ...]) -> int:
    if lock_all(session, [campaign_id]).get(campaign_id) != "sending":
        return 0
    return move(session, "ripen", ["waiting"], "pending", *due, reason=None, waits_until=None)


@lru_cache(maxsize=16)
def _free(closed: tuple[str, ...]) -> sa.Select[Any]:
    campaign: sa.BindParameter[int] = sa.bindparam("campaign")
    sending = sa.select(Campaign.id).where(Campaign.id == campaign, Campaign.state == "sending").exists()
    return (
        sa.select(Delivery.id)
        .where(Delivery.campaign_id == campaign, Delivery.state == "pending", sending)
        .where(*(sa.not_(Delivery.address_key.endswith(f"@{one}", autoescape=True)) for one in closed))
        .order_by(Delivery.id)
        .limit(sa.bindparam("most"))
        .with_for_update(skip_locked=True)
    )


@lru_cache(maxsize=256)
def _leasing(dialect: str, seconds: int, rows: int) -> sa.Update:
    holds = {"token": sa.bindparam("holder"), "lease_until": db_now_of(dialect, seconds)}
    return states.edge(
        "lease", ["pending"], "leased", numbered_list.among(dialect, Delivery.id, rows), **holds
    )


_HELD = (
    sa.select(
        *(Delivery.id, Delivery.person_id, Delivery.address, Delivery.tries),
        *(Person.host_id, Person.timezone, Person.username, Person.display_name, Person.real_name),
    )
    # A row whose person is gone is read too: the marking excludes it with its reason.
    .outerjoin(Person, Person.id == Delivery.person_id)
    .where(Delivery.token == sa.bindparam("held"), Delivery.state == sa.bindparam("in_state"))
    .order_by(Delivery.id)
)


def rows_of(session: Session, token: str, state: str) -> list[Row]:
    """Return the rows that a token holds, with what is needed to render them."""
    found = session.connection().execute(_HELD, {"held": token, "in_state": state})
    return [
        Row(
            id,
            person_id,
            host_id or "",
            address or "",
            timezone,
            tries,
            dict(zip(VALUES, names, strict=True)),
        )
        for id, person_id, address, tries, host_id, timezone, *names in found
    ]
