"""The people with an address, and the locks that opt-outs and sending share.

A marking locks its persons in the order of their ids before it checks whether anything speaks against them.
Stopping an address locks everybody who could get a message there, in the same order: then a message is either
marked before, or not at all.
"""

from collections.abc import Collection, Iterable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.bulk import among
from crm_plugin.profiles.consent.channels import address_columns
from crm_plugin.profiles.extension import Address, PersonExtension
from crm_plugin.profiles.models.school import Person

_ROUNDS = 5


def addresses_of(session: Session, person_id: int, channels: Iterable[str]) -> set[Address]:
    """Return the addresses that a person has on these channels."""
    columns = {channel: address_columns(channel)[1] for channel in channels}
    labelled = [column.label(channel) for channel, column in columns.items()]
    row = session.execute(sa.select(*labelled).where(Person.id == person_id)).one_or_none()
    found = row._asdict() if row is not None else {}
    return {(channel, key) for channel, key in found.items() if key is not None}


def lock(crm: Crm, session: Session, addresses: Collection[Address], persons: Collection[int] = ()) -> None:
    """Lock these persons and all who hold one of the addresses, in the order of their ids.

    People who came to an address while others were waited for are locked too.
    """
    locked: set[int] = set()
    for _ in range(_ROUNDS):
        wanted = {*persons, *_holders(crm, session, addresses)}
        if wanted <= locked:
            return
        locked |= wanted
        rows = sa.select(Person.id).where(among(session, Person.id, sorted(wanted))).order_by(Person.id)
        session.execute(rows.with_for_update())


def _holders(crm: Crm, session: Session, addresses: Collection[Address]) -> set[int]:
    found: set[int] = set()
    for channel, key in addresses:
        column = address_columns(channel)[1]
        found |= set(session.scalars(sa.select(Person.id).where(column == key)))
    for extension in crm.contributed(PersonExtension):
        for others in extension.holders:
            found |= set(others(session, addresses))
    return found
