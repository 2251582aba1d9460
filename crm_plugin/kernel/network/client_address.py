"""The address that a request came from, behind reverse proxies that are trusted to name it."""

import ipaddress
import re
from functools import lru_cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_WITH_PORT = re.compile(r"\[([0-9a-fA-F:.]+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+")


@lru_cache(maxsize=16)
def networks(text: str) -> tuple[Network, ...]:
    """Read networks, such as ``127.0.0.0/8 ::1``.

    :raises ValueError: naming what is none.
    """
    return tuple(ipaddress.ip_network(one) for one in text.replace(",", " ").split())


def seen(peer: str, forwarded: str, trusted: str) -> str:
    """Return the address that counts as the client's.

    It is the last one that no trusted proxy has: each proxy adds the address that asked it at the end.
    What stands before the words of trusted ones anybody can make up.

    :param peer: who has the connection; empty for a unix socket, whose peer is a proxy of this machine.
    :param forwarded: ``X-Forwarded-For``, as it came.
    :param trusted: networks of proxies, as in the setting ``trusted_proxies``.
    """
    found, named = parsed(peer), forwarded.split(",") if forwarded else []
    if peer and not is_trusted(found, trusted):
        return peer if found is None else str(found)
    nearest = peer if found is None else str(found)
    for text in reversed(named):
        address = parsed(text.strip())
        if address is None:
            break
        nearest = str(address)
        if not is_trusted(address, trusted):
            break
    return nearest


def is_trusted(address: Address | None, trusted: str) -> bool:
    """Return whether an address is one of our proxies."""
    return address is not None and any(address in network for network in networks(trusted))


def parsed(text: str) -> Address | None:
    """Return the address that a text names, with or without a port; None when it names none."""
    with_port = _WITH_PORT.fullmatch(text)
    try:
        found = ipaddress.ip_address((with_port[1] or with_port[2]) if with_port else text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if found.version == 6 else None
    return mapped or found


def customer(text: str, bits: int) -> str:
    """Return what stands for one customer of a provider: an address of IPv4 itself, of IPv6 its network.

    :param bits: of IPv6 that are the customer's name; one customer has all addresses behind them.
    """
    found = parsed(text)
    if found is None:
        return text
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network((found, bits), strict=False))
