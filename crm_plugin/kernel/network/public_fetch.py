"""Our own fetches of addresses that others chose: the one place, for public networks and two ports.

What a colleague types or a stranger sends must not lead our servers into the school's own network. A name
is looked up once; what was looked up is checked, and just that is connected to. Redirects are the
caller's: each hop is a fetch of its own. No proxy, cookie, password or ``.netrc`` of the machine goes along.
"""

import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from crm_plugin.kernel.network.cut_off import CUT_OFF
from crm_plugin.kernel.network.web_address import WebAddress

PORTS = (80, 443)
"""Other ports are doors of programs that no visitor of a page means."""
SECONDS = 8.0
"""Deadline of a fetch, from the look-up of the name to the last byte."""
_CONNECT_SECONDS = 3.05
_TRIED = 3
"""Numbers behind one name that are tried."""
_UNICAST = ipaddress.IPv6Network("2000::/3")
_KEPT_OUT = (
    ipaddress.ip_network("2002::/16"),  # 6to4: holds an address of the old protocol, perhaps a private one
    ipaddress.ip_network("3fff::/20"),  # documentation
    ipaddress.ip_network("192.0.0.0/24"),  # protocols' own
    ipaddress.ip_network("192.88.99.0/24"),  # relays of 6to4
    ipaddress.ip_network("168.63.129.16/32"),  # Azure answers its own machines here
)
_HEADERS = {"User-Agent": "Mozilla/5.0 (compatible; CRM link check)", "Accept": "*/*", "Connection": "close"}


class NotFetched(Exception):
    """No answer came; ``args[0]`` is a word for the reason."""


class NotAsked(NotFetched):
    """The address is none that we ask: ``port`` or ``private``."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an address answered."""

    status: int
    location: str
    """Where it redirects to; empty when it does not."""
    body: bytes


def fetch(
    address: WebAddress,
    *,
    own: Collection[tuple[str, str, int]] = (),
    most: int = 0,
    seconds: float = SECONDS,
) -> Fetched:
    """Send one GET and read its answer.

    :param own: origins that may lie in a private network, because the operator named them.
    :param most: bytes of the body that are read.
    :raises NotAsked: ``port``, or ``private`` when its host has no number, or one outside of the public web.
    :raises NotFetched: ``certificate``, ``time`` or ``connection``.
    """
    if address.port not in PORTS:
        raise NotAsked("port")
    deadline = time.monotonic() + seconds
    numbers = _looked_up(address, address.origin in own)
    try:
        with _connected(address, numbers, deadline) as line:
            line.request("GET", address.target, headers={"Host": address.authority, **_HEADERS})
            answer = line.getresponse()
            moved = answer.status in (301, 302, 303, 307, 308)
            location = answer.getheader("Location", "") if moved else ""
            body = answer.read(most) if most else b""
        if time.monotonic() >= deadline:  # a head that was cut off reads like a whole one
            raise TimeoutError
        return Fetched(answer.status, location, body)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotFetched(_word(error, deadline)) from None


def _is_public(number: str) -> bool:
    """Return whether a number (IPv4 or IPv6) is of the public web, and hides no other one."""
    found = ipaddress.ip_address(number)
    if found.version == 6 and found not in _UNICAST:
        return False
    kept_out = any(found in one for one in _KEPT_OUT if one.version == found.version)
    return found.is_global and not found.is_multicast and not kept_out


def _looked_up(address: WebAddress, own: bool) -> list[str]:
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        # The same word as for a private number: nobody learns here which names the school's network has.
        raise NotAsked("private") from None
    numbers = list(dict.fromkeys(str(one[4][0]) for one in found))
    if not own and not all(_is_public(number) for number in numbers):
        raise NotAsked("private")
    return numbers[:_TRIED]


@dataclass(slots=True)
class _Plug:
    """What is pulled at the deadline; the connection itself forgets its socket before the body is read."""

    sock: socket.socket | None = None


class _Line(http.client.HTTPConnection):
    """A connection to a number that was checked; the name goes into the head and the certificate only."""

    def __init__(self, address: WebAddress, number: str, seconds: float) -> None:
        super().__init__(address.host, address.port, timeout=seconds)
        self._number, self._seconds = number, seconds
        self._safe = address.scheme == "https"
        self.plug = _Plug()

    def connect(self) -> None:
        """Connect to the number."""
        self.sock = socket.create_connection((self._number, self.port), min(self._seconds, _CONNECT_SECONDS))
        self.plug.sock = self.sock
        self.sock.settimeout(self._seconds)
        if self._safe:
            name = self.host
            self.sock = _trust().wrap_socket(self.sock, server_hostname=name, do_handshake_on_connect=False)
            self.plug.sock = self.sock
            self.sock.do_handshake()


@contextmanager
def _connected(address: WebAddress, numbers: list[str], deadline: float) -> Iterator[_Line]:
    """Connect to the first number that answers, until the deadline: a server that drips bytes is cut off."""
    for left, number in enumerate(numbers, 1 - len(numbers)):
        line = _Line(address, number, max(deadline - time.monotonic(), 0.01))
        with closing(line), CUT_OFF.at(deadline, line.plug):
            try:
                line.connect()
            except ssl.SSLError:
                raise
            except OSError:
                if left == 0:
                    raise
                continue
            yield line
            return


@cache
def _trust() -> ssl.SSLContext:
    """Return the certificates that this machine trusts (SSL_CERT_FILE too), and those of requests."""
    context = ssl.create_default_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


def _word(error: Exception, deadline: float) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "certificate"
    return "time" if isinstance(error, TimeoutError) or time.monotonic() >= deadline else "connection"
