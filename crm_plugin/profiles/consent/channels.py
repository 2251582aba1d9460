"""The one list of channels: which address of a person each of them writes to."""

from typing import Any

import sqlalchemy as sa

from crm_plugin.profiles.models.school import Person

_ADDRESSES: dict[str, tuple[Any, Any]] = {
    "phone": (Person.phone_key, Person.phone_key),
    "email": (Person.email, Person.email_key),
    "person": (Person.host_id, Person.host_id),
}
"""Kind of address → (address to send to, its one spelling)."""

_CHANNELS = {"sms": "phone", "email": "email", "message": "person"}
"""Channel → kind of its addresses: those of the host contract, and what :func:`add_channel` added."""

OWN_ADDRESS = "message"
"""The channel whose addresses are the school's own ids: everybody has one, and it never changes."""


def add_channel(name: str, address: str) -> None:
    """Let people be reached by one more channel; again with the same kind changes nothing.

    :param address: ``phone``, ``email`` or ``person`` (the school's own id).
    :raises ValueError: for another kind, or another one than the channel has.
    """
    if address not in _ADDRESSES or _CHANNELS.setdefault(name, address) != address:
        raise ValueError(f"channel {name!r} cannot have addresses of the kind {address!r}")


def channels() -> tuple[str, ...]:
    """Return the names of all channels."""
    return tuple(_CHANNELS)


def address_kind(channel: str) -> str:
    """Return ``phone``, ``email`` or ``person``: what a channel writes to."""
    return _CHANNELS[channel]


def address_columns(channel: str) -> tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]]:
    """Return (address to send to, its one spelling); where the second is NULL there is no address."""
    return _ADDRESSES[_CHANNELS[channel]]
