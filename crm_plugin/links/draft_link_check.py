"""Whether the links of a draft answer: a page asks, a worker looks, the answer is kept for an hour."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import Clause
from crm_plugin.kernel.key_value import keep, kept
from crm_plugin.kernel.network.public_fetch import NotFetched, fetch
from crm_plugin.kernel.network.web_address import follow, parse
from crm_plugin.kernel.settings import Settings

FRESH = timedelta(hours=1)
"""So long an answer is taken for the present one."""
MOST = 200
"""Answers that are kept."""
REFUSES = (401, 403, 405, 406, 429)
"""Answers of a page that is there and does not talk to programs."""
JOB = "links.check"
"""Name of the job that looks."""
UNCHECKED = "port"
"""Why an address is sent without being asked."""
_NAME = "links.probes"
_HOPS = 5
_ROUND_SECONDS = 30.0
"""So long a round lasts; the next one goes on where it stopped."""
_WORDS = {
    UNCHECKED: Clause("we open ports 80 and 443 only"),
    "private": Clause("its host has no public address"),
    "certificate": Clause("its certificate is not good"),
    "time": Clause("it takes too long"),
    "connection": Clause("no connection"),
    "redirects": Clause("too many redirects"),
    "unusable": Clause("it cannot be opened"),
    "address": Clause("it redirects to what is no web address"),
}


@dataclass(frozen=True, slots=True)
class Found:
    """What an address answered."""

    url: str
    good: bool
    reason: str
    """The status, or a short word for what went wrong."""
    at: datetime

    @property
    def unchecked(self) -> bool:
        """Whether nobody asked it, and nobody will."""
        return self.reason == UNCHECKED

    @property
    def words(self) -> str:
        """What people read of the reason."""
        return _WORDS.get(self.reason, self.reason)


def known(crm: Crm, urls: Sequence[str]) -> dict[str, Found]:
    """Return what these addresses answered within the last hour."""
    with crm.db.read() as session:
        stored = _stored(session)
    oldest = crm.clock() - FRESH
    found = {url: _read(url, stored["found"][url]) for url in urls if url in stored["found"]}
    return {url: one for url, one in found.items() if one.at > oldest}


def ask(crm: Crm, urls: Sequence[str]) -> None:
    """Let a worker look at addresses soon; asking again does no harm."""

    def work(session: Session) -> None:
        stored = _stored(session)
        wanted = list(dict.fromkeys([*stored["wanted"], *urls]))[-MOST:]
        if wanted != stored["wanted"]:
            keep(session, _NAME, {**stored, "wanted": wanted})

    crm.db.run(work)
    crm.queue.wake("crm_plugin.links.jobs.look")


def look(crm: Crm) -> int:
    """Look at what was asked for; return how many addresses."""
    with crm.db.read() as session:
        wanted = _stored(session)["wanted"]
    if not wanted:
        return 0
    until, round_ = time.monotonic() + _ROUND_SECONDS, crm.round(JOB)
    answers = {}
    for url in wanted:
        # One that cannot even be asked is known to be bad.
        found = round_.one(url, partial(_probe, crm, url)) or [Found(url, False, "unusable", crm.clock())]
        answers[url] = _write(found[0])
        if time.monotonic() >= until:
            break

    def work(session: Session) -> None:
        stored = _stored(session)
        newest = list({**stored["found"], **answers}.items())[-MOST:]
        left = [url for url in stored["wanted"] if url not in answers]
        keep(session, _NAME, {"wanted": left, "found": dict(newest)})

    crm.db.run(work)
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
    """Ask an address as a browser would, without reading what it shows; each hop is checked by itself."""
    own = _own(settings)
    try:
        address = parse(url)
        for _ in range(_HOPS):
            answer = fetch(address, own=own)
            if not answer.location:
                return answer.status < 400 or answer.status in REFUSES, str(answer.status)
            address = follow(address, answer.location)
    except NotFetched as error:
        return error.args[0] == UNCHECKED, error.args[0]
    except ValueError:
        return False, "address"
    return False, "redirects"


def _own(settings: Settings) -> set[tuple[str, str, int]]:
    """Return whose addresses may lie in the school's own network: the operator named them."""
    return {parse(one).origin for one in (settings.public_url, settings.host_base_url) if one}
