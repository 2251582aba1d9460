"""One click as the spool keeps it: a line of JSON with the code as it came."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from crm_plugin.kernel.network.client_address import customer

FOLDER = "clicks"
"""Name of the spools' folder below the installation's own."""
LONGEST_AGENT = 400
_VISITOR_BITS = 64
"""Of an address of IPv6: one visitor has that whole network."""

_MARKS = ("purpose", "sec-purpose", "x-purpose", "x-moz")


@dataclass(frozen=True, slots=True)
class Click:
    """A request for a tracked link, before anybody has judged it."""

    code: str
    at: datetime
    method: str
    agent: str = ""
    network: str = ""
    """Keyed hash of the visitor's address; empty when there was no key at hand."""
    marks: Mapping[str, Any] = field(default_factory=dict)


def dump(click: Click) -> bytes:
    """Return the line of a click."""
    line = [click.code, click.at.timestamp(), click.method, click.agent, click.network, dict(click.marks)]
    return json.dumps(line, separators=(",", ":")).encode("ascii")


def load(line: bytes) -> Click | None:
    """Return the click of a line, or None when a crash or a full disk left it torn."""
    try:
        code, at, method, agent, network, marks = json.loads(line)
        return Click(code, datetime.fromtimestamp(at, UTC), method, agent, network, marks)
    except (ValueError, TypeError):
        return None


def dump_lost(count: int) -> bytes:
    """Return the line that reports clicks which the disk had refused."""
    return json.dumps({"lost": count}).encode("ascii")


def load_lost(line: bytes) -> int:
    """Return how many clicks a line says were lost; 0 for any other line."""
    try:
        found = json.loads(line)
        return int(found["lost"]) if isinstance(found, dict) else 0
    except (ValueError, TypeError, KeyError):
        return 0


def marks_of(headers: Mapping[str, str]) -> dict[str, Any]:
    """Return what matters for the class: announced prefetches and the referring host.

    :param headers: names in lower case.
    """
    found: dict[str, Any] = {name: headers[name][:40] for name in _MARKS if headers.get(name)}
    try:
        host = urlsplit(headers.get("referer", "")).hostname
    except ValueError:
        host = None
    if host:
        found["referer"] = host[:100]
    return found


def network_of(address: str, secret: bytes | None) -> str:
    """Return a keyed hash that separates visitors' addresses and names none."""
    if not address or secret is None:
        return ""
    return hashlib.blake2b(customer(address, _VISITOR_BITS).encode(), key=secret, digest_size=12).hexdigest()
