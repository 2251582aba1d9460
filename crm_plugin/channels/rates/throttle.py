"""Rate limits across processes and restarts: in Redis by one script, else in the database.

Both keep the state of :mod:`crm_plugin.channels.rates.window` and take the time from the server, so that all
machines see one clock. When Redis is set but does not answer, the database takes over; as it does not
know what Redis granted lately, a limit without a seed stands still for one window first.

A limit of which nothing is remembered is seeded from the ledger. What was granted a moment ago may not
stand there yet: where memory was lost, nothing is granted for :data:`SETTLE` first. A full Redis that throws
keys away loses all limits at once, so that it knows that it has lost some.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import redis
import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.channels.models import RateWindow
from crm_plugin.channels.rates.window import Limit, State, granted, is_tight, seeded, wait_for
from crm_plugin.channels.rates.window_lua import BEGAN, KEY, STATE, script
from crm_plugin.channels.rates.window_lua import LEAD as LEADS
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.writes import insert_missing, upsert

Seed = Callable[[Limit], Sequence[tuple[float, int]]]
"""Returns what the ledger knows of a limit's last window, as (seconds ago, how many)."""

SETTLE = 1.5
"""Seconds after which every message that was granted is marked in the ledger, or not sent at all."""

LEAD = 0.15
"""Seconds between a grant in a nearly full window and its use: what most callers need to get ready."""
MOST_LEAD = 0.6

_DRIFT = 1e-4
"""Seconds a second by which two machines' clocks may part."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking for messages."""

    wait: float
    """0 when they are granted; otherwise the seconds after which to ask again."""
    at: float = 0.0
    """The instant of the grant by this process's monotonic clock."""
    tight: bool = False
    """A window is nearly full: the messages belong to that instant, and to no later one."""
    lead: float = LEAD
    """Seconds after that instant at which all processes use what they were granted then."""


@dataclass
class Clocks:
    """What this process knows of the Redis that keeps the rates."""

    fallen: set[str] = field(default_factory=set)
    """Limits that the database has granted by meanwhile."""
    offset: tuple[float, float] | None = None
    """(least difference of our clock and the server's, when we last saw it)."""


class Throttle:
    """Grants messages within limits.

    :param seed: called when nothing is remembered of a limit: a Redis that came back empty must not
        let a whole window go twice.
    :param now: seconds; only for tests in simulated time, otherwise the server's own clock.
    """

    def __init__(self, crm: Crm, seed: Seed | None = None, now: Callable[[], float] | None = None) -> None:
        self._crm = crm
        self._seed = seed
        self._now = now
        self._looked: set[str] = set()

    def reserve(self, limits: Sequence[Limit], count: int) -> Answer:
        """Grant ``count`` messages by all limits or by none.

        :raises ValueError: when a limit is smaller than ``count``, which could never be granted
            (:func:`crm_plugin.campaigns.rates.limits.share` says how many to ask for).
        """
        if any(count > limit.n for limit in limits):
            raise ValueError("no limit grants more at once than in a whole window")
        if not limits or count < 1:
            return Answer(0.0, time.monotonic())
        if self._crm.queue.redis is None:
            return self._by_database(limits, count, fallback=False)
        try:
            return self._by_redis(self._crm.queue.redis, limits, count)
        except redis.RedisError as error:
            self._crm.queue.warn(error)
            self._fallen().update(limit.name for limit in limits)
            return self._by_database(limits, count, fallback=True)

    def _fallen(self) -> set[str]:
        """Return the limits that the database has granted by meanwhile: Redis does not know of it."""
        return self._crm.state(Clocks).fallen

    def _by_redis(self, client: redis.Redis, limits: Sequence[Limit], count: int) -> Answer:
        self._look_at_database(limits)
        fallen = self._forget_fallen(client, limits)
        before = time.monotonic()
        answer = self._ask(client, limits, count, "ask" if self._seed else "new", [""] * len(limits))
        self._have_back(fallen)
        if answer[0] == b"seed":
            if (settling := float(answer[1])) > 0:
                return Answer(settling)
            before = time.monotonic()
            answer = self._ask(client, limits, count, "seeded", self._seeds(limits))
        wait, now, tight, lead = (float(part) for part in answer)
        return Answer(wait, self._monotonic(now, before), bool(tight), lead)

    def _ask(
        self, client: redis.Redis, limits: Sequence[Limit], count: int, mode: str, seeds: Sequence[str]
    ) -> list[bytes]:
        args: list[Any] = [count, _precise(self._now()) if self._now else "", mode, SETTLE, LEAD]
        for limit, seed in zip(limits, seeds, strict=True):
            args += [limit.name, limit.n, limit.per_seconds, seed]
        answer: bytes = script(client)(keys=[KEY], args=args)
        return answer.split()

    def take_longer(self, limits: Sequence[Limit]) -> None:
        """Give all processes more time between grants and their use: this one is too often too late."""
        client = self._crm.queue.redis
        if client is None:
            return
        try:
            now = self._now() if self._now else _seconds(client.time())
            longer = min(MOST_LEAD, 2 * _longest(client.hmget(KEY, [LEADS + limit.name for limit in limits])))
            for limit in limits:
                ends = now + 2 * limit.per_seconds + 10
                client.hset(KEY, LEADS + limit.name, f"{_precise(ends)}|{longer}")
        except redis.RedisError as error:
            self._crm.queue.warn(error)

    def _seeds(self, limits: Sequence[Limit]) -> list[str]:
        found = []
        for limit in limits:
            grants = self._seed(limit) if self._seed else ()
            found.append(";".join(f"{ago:.6f},{number}" for ago, number in sorted(grants, reverse=True)))
        return found

    def _look_at_database(self, limits: Sequence[Limit]) -> None:
        """Note which limits the database granted lately: another process did without Redis meanwhile."""
        names = {limit.name: limit for limit in limits if limit.name not in self._looked}
        if not names:
            return
        self._looked.update(names)
        with self._crm.db.read() as session:
            rows = session.scalars(sa.select(RateWindow).where(RateWindow.name.in_(list(names)))).all()
            now = self._now() if self._now else self._crm.db.now(session).timestamp()
        late = {row.name for row in rows if row.log and row.log[-1][1] > now - names[row.name].per_seconds}
        self._fallen().update(late)

    def _forget_fallen(self, client: redis.Redis, limits: Sequence[Limit]) -> set[str]:
        """Take from Redis what it remembers of limits that the database has granted by; return those."""
        names = self._fallen().intersection(limit.name for limit in limits)
        if names:
            client.hdel(KEY, BEGAN, *(STATE + name for name in names))
        return names

    def _have_back(self, names: set[str]) -> None:
        """Let Redis grant by these limits again, once it has written something: a full one only removes."""
        if names:
            forgotten = sa.delete(RateWindow).where(RateWindow.name.in_(names))
            self._crm.db.run(lambda session: session.execute(forgotten))
            self._fallen().difference_update(names)

    def _monotonic(self, server: float, before: float) -> float:
        """Return an instant of the server's clock by ours: an answer is never early, only late.

        :param before: when the server was asked; it cannot have been earlier, whatever clocks say.
        """
        after = time.monotonic()
        clocks = self._crm.state(Clocks)
        least, seen = clocks.offset or (after - server, after)
        # The quickest answer shows the difference best; it is forgotten as slowly as clocks part.
        least = min(after - server, least + _DRIFT * (after - seen))
        clocks.offset = (least, after)
        return min(max(server + float(least), before), after)

    def _by_database(self, limits: Sequence[Limit], count: int, *, fallback: bool) -> Answer:
        return self._crm.db.run(lambda session: self._reserve(session, limits, count, fallback))

    def _reserve(self, session: Session, limits: Sequence[Limit], count: int, fallback: bool) -> Answer:
        # Sorted, so that two processes lock the rows in one order.
        rows = _locked(session, sorted(limit.name for limit in limits))
        now = self._now() if self._now else self._crm.db.now(session).timestamp()
        asked = time.monotonic()
        states = {limit: self._state(rows.get(limit.name), limit, now, fallback) for limit in limits}
        wait = max(wait_for(state, limit, count, now) for limit, state in states.items())
        if wait > 0 and not fallback:
            return Answer(wait)
        if wait <= 0:
            states = {limit: granted(state, limit, count, now) for limit, state in states.items()}
        _write(session, states)
        tight = any(is_tight(state, limit) for limit, state in states.items())
        return Answer(max(0.0, wait), asked, tight)

    def _state(self, row: RateWindow | None, limit: Limit, now: float, fallback: bool) -> State:
        state = State(row.next_at, tuple((a, b, n) for a, b, n in row.log)) if row else State()
        if any(bucket[1] > now - limit.per_seconds for bucket in state.log):
            return state
        if self._seed is not None:
            found = seeded(limit, self._seed(limit), now)
            lost = fallback and state.next_at < now - limit.per_seconds
            return replace(found, next_at=max(found.next_at, now + SETTLE if lost else state.next_at))
        return seeded(limit, [(0.0, limit.n)], now) if fallback and not state.log else replace(state, log=())


def _locked(session: Session, names: list[str]) -> dict[str, RateWindow]:
    new = [{"name": name, "next_at": 0.0, "log": []} for name in names]
    query = sa.select(RateWindow).where(RateWindow.name.in_(names)).order_by(RateWindow.name)
    rows = {row.name: row for row in session.scalars(query.with_for_update())}
    if len(rows) < len(names):
        insert_missing(session, RateWindow, new, key=["name"])
        rows = {row.name: row for row in session.scalars(query.with_for_update())}
    return rows


def _write(session: Session, states: dict[Limit, State]) -> None:
    rows = [
        {"name": limit.name, "next_at": state.next_at, "log": [list(bucket) for bucket in state.log]}
        for limit, state in states.items()
    ]
    upsert(session, RateWindow, rows, key=["name"])


def _longest(found: Any) -> float:
    return max((float(one.partition(b"|")[2]) for one in found if one), default=LEAD)


def _seconds(time_: Any) -> float:
    seconds, micro = time_
    return float(seconds) + float(micro) / 1_000_000


def _precise(seconds: float) -> str:
    return f"{seconds:.6f}"
