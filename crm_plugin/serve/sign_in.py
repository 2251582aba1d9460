"""Signing in: limits and turns come first, then the password is compared."""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.kernel.credentials import accounts, passwords, sign_in_log
from crm_plugin.kernel.credentials.accounts import Account
from crm_plugin.serve.sign_in_limits import Caller, Limits

WAITING = 16
"""Strangers who wait for their turn at most; further ones are asked to come back in a moment."""


@dataclass(frozen=True)
class Outcome:
    """What became of one try to sign in.

    :param trouble: empty, ``refused`` (wrong name or password), ``held`` (too many tries from there before)
        or ``busy``.
    :param wait: seconds until another try is taken.
    """

    account: Account | None = None
    trouble: str = ""
    wait: int = 0


class SignIns:
    """The tries to sign in of one process."""

    def __init__(self, crm: Crm) -> None:
        self._crm = crm
        self._limits = Limits()
        self._turns = Turns(passwords.AT_ONCE, WAITING)

    def attempt(self, login: str, password: str, caller: Caller) -> Outcome:
        """Return the account when the password is right.

        The password is compared outside of any transaction. Limits are asked in the caller's turn: what
        waited behind others may be one too many by then, and costs nothing more.
        """
        if not accounts.is_login(login):
            login = ""  # of any length: it is counted, and nobody has it
        outcome = self._tried(login, password, caller)
        if outcome.trouble == "refused":
            self._crm.db.run(partial(self._note, login=login, client=caller.address, wait=outcome.wait))
        return outcome

    def _tried(self, login: str, password: str, caller: Caller) -> Outcome:
        if wait := self._wait(login, caller):
            return wait
        with self._turns.taken(first=self._limits.knows(login, caller)) as mine:
            if not mine:
                return Outcome(trouble="busy", wait=1)
            return self._wait(login, caller) or self._compared(login, password, caller)

    def _note(self, database: Session, login: str, client: str, wait: int) -> None:
        now = self._crm.clock()
        until = now + timedelta(seconds=wait) if wait else None
        sign_in_log.refused(database, now, login, client, until)

    def _wait(self, login: str, caller: Caller) -> Outcome | None:
        seconds = self._limits.wait(login, caller, self._crm.clock())
        return Outcome(trouble="held", wait=math.ceil(seconds)) if seconds > 0 else None

    def _compared(self, login: str, password: str, caller: Caller) -> Outcome:
        with self._crm.db.read() as session:
            account = accounts.find(session, login)
        stored = passwords.NOBODY if account is None else account.password_hash
        if not passwords.matches(stored, password) or account is None:
            now = self._crm.clock()
            self._limits.wrong(login, caller, now)
            return Outcome(trouble="refused", wait=math.ceil(self._limits.wait(login, caller, now)))
        self._limits.right(login, caller)
        return Outcome(account)


class Turns:
    """A few at once; of those who wait, people from places that are known to be theirs come first.

    :param at_once: how many have their turn at the same time.
    :param strangers: how many others may wait.
    """

    def __init__(self, at_once: int, strangers: int) -> None:
        self._free = at_once
        self._strangers = strangers
        self._waiting = {True: 0, False: 0}
        self._change = threading.Condition()

    @contextmanager
    def taken(self, *, first: bool) -> Iterator[bool]:
        """Wait for a turn and hold it; False at once when too many wait already."""
        mine = self._take(first)
        try:
            yield mine
        finally:
            if mine:
                self._give_back()

    def _take(self, first: bool) -> bool:
        with self._change:
            if not first and self._waiting[first] >= self._strangers:
                return False
            self._waiting[first] += 1
            self._change.wait_for(lambda: self._free and (first or not self._waiting[True]))
            self._waiting[first] -= 1
            self._free -= 1
            return True

    def _give_back(self) -> None:
        with self._change:
            self._free += 1
            self._change.notify_all()
