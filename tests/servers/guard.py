"""Keeps the tests off the network: in the test process sockets open to loopback and unix paths only."""

import socket
from typing import Any

_LOOPBACK_NAMES = {"localhost", "::1", "0:0:0:0:0:0:0:1", ""}


class OutsideNetwork(Exception):
    """A test tried to talk to something that is not on this machine."""


def close_the_network() -> None:
    """Make every connect, bind and send of this process to another machine raise `OutsideNetwork`."""
    for name in ("connect", "connect_ex", "bind", "sendto"):
        setattr(socket.socket, name, _checked(getattr(socket.socket, name)))
    look_up = socket.getaddrinfo

    def checked_look_up(host: Any, *rest: Any, **named: Any) -> Any:
        _refuse_outside(host)
        return look_up(host, *rest, **named)

    socket.getaddrinfo = checked_look_up


def _checked(method: Any) -> Any:
    def checked(self: socket.socket, *arguments: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _refuse_outside(arguments[-1][0])
        return method(self, *arguments)

    return checked


def _refuse_outside(host: Any) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name is not None and name not in _LOOPBACK_NAMES and not name.startswith("127."):
        raise OutsideNetwork(f"a test tried to reach {name!r}; only loopback is open in tests")
