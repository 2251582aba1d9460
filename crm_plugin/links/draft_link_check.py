"""Whether the links of a draft answer: a page asks, a worker looks, the answer is kept for an hour."""

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from crm_plugin.host.context import Crm
from crm_plugin.kernel.key_value import keep, kept
from crm_plugin.kernel.settings import Settings

FRESH = timedelta(hours=1)
"""So long an answer is taken for the present one."""
MOST = 200
"""Answers that are kept."""
REFUSES = (401, 403, 405, 406, 429)
"""Answers of a page that is there and does not talk to programs."""
_NAME = "links.probes"
_TIMES = (3.05, 6)
_HOPS = 5


@dataclass(frozen=True, slots=True)
class Found:
    """What an address answered."""

    url: str
    good: bool
    reason: str
    """The status, or a short word for what went wrong."""
    at: datetime


def known(crm: Crm, urls: Sequence[str]) -> dict[str, Found]:
    """Return what these addresses answered within the last hour."""
    with crm.db.read() as session:
        stored = _stored(session)
    oldest = crm.clock() - FRESH
    found = {url: _read(url, stored["found"][url]) for url in urls if url in stored["found"]}
    return {url: one for url, one in found.items() if one.at > oldest}


def ask(crm: Crm, urls: Sequence[str]) -> None:
    """Let a worker look at addresses soon; asking again does no harm."""
    with crm.db.begin() as session:
        stored = _stored(session)
        wanted = list(dict.fromkeys([*stored["wanted"], *urls]))[-MOST:]
        if wanted != stored["wanted"]:
            keep(session, _NAME, {**stored, "wanted": wanted})
    crm.queue.wake("crm_plugin.links.jobs.look")


def look(crm: Crm) -> int:
    """Look at what was asked for; return how many addresses."""
    with crm.db.read() as session:
        wanted = _stored(session)["wanted"]
    if not wanted:
        return 0
    answers = {url: _write(_probe(crm, url)) for url in wanted}
    with crm.db.begin() as session:
        stored = _stored(session)
        newest = list({**stored["found"], **answers}.items())[-MOST:]
        left = [url for url in stored["wanted"] if url not in answers]
        keep(session, _NAME, {"wanted": left, "found": dict(newest)})
    return len(answers)


def _stored(session: Any) -> dict[str, Any]:
    found: dict[str, Any] = kept(session, _NAME) or {"wanted": [], "found": {}}
    return found


def _read(url: str, row: dict[str, Any]) -> Found:
    return Found(url, row["good"], row["reason"], datetime.fromisoformat(row["at"]))


def _write(found: Found) -> dict[str, Any]:
    return {"good": found.good, "reason": found.reason, "at": found.at.isoformat()}


def _probe(crm: Crm, url: str) -> Found:
    good, reason = _answer(crm.settings, url)
    return Found(url, good, reason, crm.clock())


def _answer(settings: Settings, url: str) -> tuple[bool, str]:
    """Ask an address as a browser would, without reading what it shows."""
    with requests.Session() as session:
        session.trust_env = False
        for _ in range(_HOPS):
            if not _may_ask(settings, url):
                return True, "private"
            try:
                answer = session.get(url, timeout=_TIMES, stream=True, allow_redirects=False)
            except requests.RequestException as error:
                return False, type(error).__name__
            answer.close()
            if not answer.is_redirect:
                return answer.status_code < 400 or answer.status_code in REFUSES, str(answer.status_code)
            url = urljoin(url, answer.headers["Location"])
    return False, "too many redirects"


def _may_ask(settings: Settings, url: str) -> bool:
    """Return whether a worker may open an address.

    One inside the school's own network could be reached by nobody who types addresses here, and must not
    be through us; the school's and our own are known to be meant.
    """
    own = {urlsplit(one).netloc for one in (settings.public_url, settings.host_base_url) if one}
    parts = urlsplit(url)
    if parts.netloc in own:
        return True
    try:
        return all(ipaddress.ip_address(one).is_global for one in _addresses(parts.hostname or ""))
    except (OSError, ValueError):
        return True  # asking will say what is wrong with it


def _addresses(host: str) -> list[str]:
    """Return the numbers behind a host's name; a number is its own."""
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        found = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
        return [str(one[4][0]) for one in found]
