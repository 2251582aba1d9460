"""Answers a short link: the redirect first, then one line in a spool; no database on the way."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from crm_plugin.host.context import Crm
from crm_plugin.kernel.network.web_address import parse
from crm_plugin.kernel.rare_warnings import RareWarnings
from crm_plugin.kernel.spool import Spool
from crm_plugin.links.click_line import FOLDER, LONGEST_AGENT, Click, dump, dump_lost, marks_of, network_of
from crm_plugin.links.codes import TOKEN_MAC, Signer, key_of
from crm_plugin.links.target_cache import Targets

log = logging.getLogger(__name__)

GUESSES = 50
"""Codes that we did not sign, from one address within the seconds below; further ones lead to the school."""
GUESS_SECONDS = 60.0
ADDRESSES = 10_000
"""Addresses whose guesses are remembered at most."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What to answer: 302 with a location, or 404."""

    status: int
    location: str | None = None


NOT_OURS = Answer(404)


class Redirector:
    """Redirects visitors of short links; one for each process, safe between threads.

    ``lost`` counts clicks that the disk refused; the visitors were redirected all the same. The number
    goes into the spool as soon as the disk takes something again.
    """

    def __init__(self, crm: Crm) -> None:
        self._crm = crm
        self._targets = Targets(crm)
        self._spool = Spool(crm.instance / FOLDER, "clicks")
        self._guesses = Guesses()
        self._warnings = RareWarnings(log)
        self.lost = 0

    def answer(self, code: str, method: str, headers: Mapping[str, str], remote_addr: str) -> Answer:
        """Return where to send a visitor, and note the click.

        A code that we did not sign is 404. A code that we did sign is never an error: where its
        target cannot be had now, the visitor comes to the school's front page. So does everybody with a
        bad code at an address that has sent many of them; a good one leads to its target there too, as
        a whole school may stand behind one address.

        :param headers: names in lower case.
        """
        signer = self._targets.ready()
        if signer is None:
            # Neither database nor copy: the code is judged when the spool is drained.
            self._note(code, method, headers, remote_addr)
            return Answer(302, self.school())
        guessing = self._guesses.too_many(remote_addr)
        found = self._read(code, ask=not guessing)
        if found is None:
            self._guessed(remote_addr)
            return Answer(302, self.school()) if guessing else NOT_OURS
        self._note(code, method, headers, remote_addr)
        target = self._targets.get(found[0])
        return Answer(302, self.school() if target is None else as_header(target))

    def is_in_memory(self, code: str) -> bool:
        """Return whether :meth:`answer` needs nothing but memory for this code, and one line in the spool."""
        return self._targets.holds(code)

    def opt_out_signer(self, token: str) -> Signer | None:
        """Return what reads an opt-out token; None while no key at all can be had."""
        signer = self._targets.ready()
        self._targets.knows_key(key_of(token.partition("-")[2], TOKEN_MAC))
        return self._targets.signer or signer

    def school(self) -> str:
        """Return the school's front page."""
        settings = self._crm.settings
        return settings.host_base_url or f"{settings.public_url.rstrip('/')}/"

    def close(self) -> None:
        """Give the spool up, so that a drain can finish it."""
        self._spool.close()

    def _guessed(self, address: str) -> None:
        self._guesses.add(address)
        if self._guesses.too_many(address):
            # The address is somebody's: it is in no log, only that there is one.
            self._warnings.warn("guesses", f"more than {GUESSES} bad codes of links came from one address")

    def _read(self, code: str, *, ask: bool) -> tuple[int, int] | None:
        if not self._targets.knows_key(key_of(code), ask=ask):
            return None
        return self._targets.signer.read(code) if self._targets.signer else None

    def _note(self, code: str, method: str, headers: Mapping[str, str], remote_addr: str) -> None:
        signer = self._targets.signer
        secret = signer.keys[min(signer.keys)] if signer else None
        agent = headers.get("user-agent", "")[:LONGEST_AGENT]
        network = network_of(remote_addr, secret)
        click = Click(code, self._crm.clock(), method, agent, network, marks_of(headers))
        try:
            self._spool.append(dump(click))
            if self.lost:
                self._spool.append(dump_lost(self.lost))
                self.lost = 0
        except (OSError, ValueError) as error:
            self.lost += 1
            log.error("a click could not be written down (%d so far): %s", self.lost, error)


class Guesses:
    """How many codes that we did not sign came from each address lately."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._guard = threading.Lock()

    def add(self, address: str) -> None:
        """Count one guess."""
        with self._guard:
            since, count = self._of(address)
            self._seen[address] = (since, count + 1)
            self._seen.move_to_end(address)
            while len(self._seen) > ADDRESSES:
                self._seen.popitem(last=False)

    def too_many(self, address: str) -> bool:
        """Return whether an address has used its guesses up."""
        with self._guard:
            return self._of(address)[1] >= GUESSES

    def _of(self, address: str) -> tuple[float, int]:
        now = time.monotonic()
        since, count = self._seen.get(address, (now, 0))
        return (since, count) if now - since < GUESS_SECONDS else (now, 0)


def as_header(target: str) -> str:
    """Return a stored target as a Location header may carry it: ASCII byte for byte, other letters quoted.

    A target of a message that was sent before addresses were read strictly goes on as it was.
    """
    if target.isascii():
        return target
    try:
        return parse(target).ascii
    except ValueError:
        return "".join(letter if letter.isascii() else quote(letter) for letter in target)
