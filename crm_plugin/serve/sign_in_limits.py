"""How many wrong passwords are taken, by address and by name, so that no stranger locks the right person out.

A caller is the browser, where this name signed in there before; else the address. A browser that is known for
a name, and an address from which that name signed in, have a count of their own: what others guess is not
counted there. All other addresses share their tries over all names. A name that many strangers guess at is
closed to those of them who guessed a few times, never to an address that did not.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from crm_plugin.kernel.network.client_address import customer

FREE = 10
"""Wrong passwords of one caller before it has to wait; each further one doubles the wait."""
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=15)
HOME_WAIT = timedelta(minutes=1)
"""The longest wait at an address from which this name signed in: its owner may share it with others."""
FORGOTTEN = timedelta(hours=1)
"""Time without a further wrong password after which the earlier ones are forgotten."""
GUESSED_AT = 50
"""Wrong passwords of strangers for one name from which on it counts as guessed at."""
FREE_THEN = 3
"""Wrong passwords for such a name that one stranger's address may still send within the time above."""
CUSTOMER_BITS = 56
"""Of an address of IPv6: the network that providers give one customer."""
REMEMBERED = 10_000
"""Callers, names and pairs of both that are remembered at most, each."""


@dataclass(frozen=True)
class Caller:
    """Where a try to sign in comes from.

    :param address: of the client.
    :param browser: what the browser shows that this name signed in with it before; else empty.
    """

    address: str
    browser: str = ""


class Limits:
    """Counts wrong passwords in memory; safe between threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._callers, self._names, self._pairs = Counts(), Counts(), Counts()
        self._homes: OrderedDict[tuple[str, str], None] = OrderedDict()

    def knows(self, login: str, caller: Caller) -> bool:
        """Return whether this name signed in from there before."""
        return bool(caller.browser) or (login, customer(caller.address, CUSTOMER_BITS)) in self._homes

    def wait(self, login: str, caller: Caller, now: datetime) -> float:
        """Return the seconds until this caller may try again; 0 or less when it may."""
        with self._guard:
            until = self._callers.until(*self._who(login, caller), now)
            pair = (login, customer(caller.address, CUSTOMER_BITS))
            if self._is_guessed_at(login, caller, now) and self._pairs.number(pair, now) >= FREE_THEN:
                until = max(until, self._pairs.last(pair) + FORGOTTEN)
            return (until - now).total_seconds()

    def wrong(self, login: str, caller: Caller, now: datetime) -> None:
        """Count a wrong password."""
        with self._guard:
            self._callers.add(self._who(login, caller)[0], now)
            if not self.knows(login, caller):
                self._names.add((login,), now)
                self._pairs.add((login, customer(caller.address, CUSTOMER_BITS)), now)

    def right(self, login: str, caller: Caller) -> None:
        """Note that a name signed in from there; what was counted against a known place is forgotten."""
        with self._guard:
            if self.knows(login, caller):
                self._callers.forget(self._who(login, caller)[0])
            pair = (login, customer(caller.address, CUSTOMER_BITS))
            self._pairs.forget(pair)
            self._homes[pair] = None
            self._homes.move_to_end(pair)
            while len(self._homes) > REMEMBERED:
                self._homes.popitem(last=False)

    def _is_guessed_at(self, login: str, caller: Caller, now: datetime) -> bool:
        return not self.knows(login, caller) and self._names.number((login,), now) >= GUESSED_AT

    def _who(self, login: str, caller: Caller) -> tuple[tuple[str, ...], timedelta]:
        """Return the name of a count, and the longest wait that it leads to."""
        site = customer(caller.address, CUSTOMER_BITS)
        if caller.browser:
            return ("browser", caller.browser, login), LONGEST_WAIT
        if (login, site) in self._homes:
            return ("home", site, login), HOME_WAIT
        return ("address", site), LONGEST_WAIT


class Counts:
    """Numbers of wrong passwords by who or what they are counted for; the newest are kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, ...], tuple[int, datetime]] = OrderedDict()

    def number(self, key: tuple[str, ...], now: datetime) -> int:
        """Return how many there were lately."""
        number, last = self._kept.get(key, (0, now))
        return number if now - last < FORGOTTEN else 0

    def last(self, key: tuple[str, ...]) -> datetime:
        """Return when the last one was; only of what has a number."""
        return self._kept[key][1]

    def until(self, key: tuple[str, ...], longest: timedelta, now: datetime) -> datetime:
        """Return until when the next one has to wait; the present when it need not."""
        number = self.number(key, now)
        if number < FREE:
            return now
        doubled: int = 2 ** min(number - FREE, 10)
        return self.last(key) + min(longest, FIRST_WAIT * doubled)

    def add(self, key: tuple[str, ...], now: datetime) -> None:
        """Count one more."""
        self._kept[key] = (self.number(key, now) + 1, now)
        self._kept.move_to_end(key)
        while len(self._kept) > REMEMBERED:
            self._kept.popitem(last=False)

    def forget(self, key: tuple[str, ...]) -> None:
        """Count from nought again."""
        self._kept.pop(key, None)
