"""The one list of channels: which address of a person each of them writes to.

Opt-outs, merges, erasure, the document that a person may ask for and the fields of conditions all go by it.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from crm_plugin.profiles.models.school import Person


@dataclass(frozen=True)
class AddressKind:
    """A kind of address that a channel can write to.

    :param send_to: the person's column with the address to send to.
    :param key: the column with its one spelling; NULL where there is no address.
    :param needs: what the school must provide for it, as ``stream`` or ``stream.field``.
    """

    send_to: Any
    key: Any
    needs: str


OWN = "person"
"""The kind of address that is the school's own id: everybody has one, and it never changes."""
_KINDS: dict[str, AddressKind] = {
    "phone": AddressKind(Person.phone_key, Person.phone_key, "persons.phone"),
    "email": AddressKind(Person.email, Person.email_key, "persons.email"),
    OWN: AddressKind(Person.host_id, Person.host_id, "persons"),
}
_CHANNELS = {"sms": "phone", "email": "email", "message": OWN}
"""Channel → kind of its addresses: those of the host contract, and what :func:`add_channel` added."""

OWN_ADDRESS = "message"
"""The channel that there always is with addresses of the kind :data:`OWN`."""


def add_channel(name: str, address: str) -> None:
    """Let people be reached by one more channel; again with the same kind changes nothing.

    :param address: ``phone``, ``email`` or ``person`` (the school's own id).
    :raises ValueError: for another kind, or another one than the channel has.
    """
    if address not in _KINDS or _CHANNELS.setdefault(name, address) != address:
        raise ValueError(f"channel {name!r} cannot have addresses of the kind {address!r}")


def channels() -> tuple[str, ...]:
    """Return the names of all channels."""
    return tuple(_CHANNELS)


def own_channels() -> tuple[str, ...]:
    """Return the channels whose addresses are the school's own ids."""
    return tuple(name for name, kind in _CHANNELS.items() if kind == OWN)


def address_kind(channel: str) -> str:
    """Return ``phone``, ``email`` or ``person``: what a channel writes to."""
    return _CHANNELS[channel]


def address(channel: str) -> AddressKind:
    """Return where the addresses of a channel stand."""
    return _KINDS[_CHANNELS[channel]]


def address_columns(channel: str) -> tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]]:
    """Return (address to send to, its one spelling); where the second is NULL there is no address."""
    found = address(channel)
    return found.send_to, found.key
