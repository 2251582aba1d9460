"""Rate limits across processes and restarts: in Redis by one script, else in the database.

Both keep the state of :mod:`crm_plugin.channels.rate` and take the time from the server, so that all
machines see one clock. When Redis is set but does not answer, the database takes over; as it does not
know what Redis granted lately, a limit without a seed stands still for one window first.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import redis
import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.channels.models import RateWindow
from crm_plugin.channels.rate import Limit, State, granted, seeded, share, wait_for
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db import insert_missing, upsert

__all__ = ["Limit", "Seed", "Throttle", "share"]

log = logging.getLogger(__name__)

Seed = Callable[[Limit], Sequence[tuple[float, int]]]
"""Tells what the ledger knows of a limit's last window, as (seconds ago, how many)."""

_PREFIX = "crm:rate:"


class Throttle:
    """Grants messages within limits.

    :param seed: asked when nothing is remembered of a limit: a Redis that came back empty must not
        let a whole window go twice.
    :param now: seconds; only for tests in simulated time, otherwise the server's own clock.
    """

    def __init__(self, crm: Crm, seed: Seed | None = None, now: Callable[[], float] | None = None) -> None:
        self._crm = crm
        self._seed = seed
        self._now = now

    def reserve(self, limits: Sequence[Limit], count: int) -> float:
        """Grant ``count`` messages by all limits or by none.

        :return: 0 when they are granted; otherwise the seconds after which to ask again.
        :raises ValueError: when a limit is smaller than ``count``, which could never be granted
            (:func:`share` tells how many to ask for).
        """
        if any(count > limit.n for limit in limits):
            raise ValueError("no limit grants more at once than in a whole window")
        if not limits or count < 1:
            return 0.0
        if self._crm.queue.redis is None:
            return self._by_database(limits, count, fallback=False)
        try:
            return self._by_redis(self._crm.queue.redis, limits, count)
        except redis.RedisError as error:
            log.warning("rates are kept in the database, Redis does not answer: %s", error)
            return self._by_database(limits, count, fallback=True)

    def _by_redis(self, client: redis.Redis, limits: Sequence[Limit], count: int) -> float:
        keys = [_PREFIX + limit.name for limit in limits]
        fixed: list[Any] = [count, _precise(self._now()) if self._now else ""]
        for limit in limits:
            fixed += [limit.n, limit.per_seconds]
        answer = _script(client)(keys=keys, args=[*fixed, "ask" if self._seed else "new"])
        if answer == b"seed":
            seeds: list[Any] = []
            for limit in limits:
                grants = self._seed(limit) if self._seed else ()
                seeds.append(";".join(f"{ago:.6f},{number}" for ago, number in sorted(grants, reverse=True)))
            answer = _script(client)(keys=keys, args=[*fixed, "seeded", *seeds])
        return float(answer)

    def _by_database(self, limits: Sequence[Limit], count: int, *, fallback: bool) -> float:
        return self._crm.db.run(lambda session: self._reserve(session, limits, count, fallback))

    def _reserve(self, session: Session, limits: Sequence[Limit], count: int, fallback: bool) -> float:
        # Sorted, so that two processes lock the rows in one order.
        rows = _locked(session, sorted(limit.name for limit in limits))
        now = self._now() if self._now else self._crm.db.now(session).timestamp()
        states = {limit: self._state(rows.get(limit.name), limit, now, fallback) for limit in limits}
        wait = max(wait_for(state, limit, count, now) for limit, state in states.items())
        if wait > 0 and not fallback:
            return wait
        if wait <= 0:
            states = {limit: granted(state, limit, count, now) for limit, state in states.items()}
        _write(session, states)
        return max(0.0, wait)

    def _state(self, row: RateWindow | None, limit: Limit, now: float, fallback: bool) -> State:
        state = State(row.next_at, tuple((a, b, n) for a, b, n in row.log)) if row else State()
        if any(bucket[1] > now - limit.per_seconds for bucket in state.log):
            return state
        if self._seed is not None:
            return seeded(limit, self._seed(limit), now)
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


def _precise(seconds: float) -> str:
    return f"{seconds:.6f}"


def _script(client: redis.Redis) -> Any:
    return client.register_script(_LUA)


_LUA = """
-- The same arithmetic as rate.py. A state is "next_at|first,latest,count;..." under one key a limit.
-- ARGV: count, now or '', then n and seconds of each key, then the mode, then seeds of each key.
local count, now = tonumber(ARGV[1]), tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end
local mode = ARGV[3 + 2 * #KEYS]

local function slot(state, seconds, at)
  return math.max(state.next_at, at - math.min(0.1 * seconds, 1))
end

local function recent(state, seconds, at)
  local kept = {}
  for _, bucket in ipairs(state.log) do
    if bucket[2] > at - seconds then kept[#kept + 1] = bucket end
  end
  return kept
end

local function grant(state, n, seconds, number, at)
  local due = slot(state, seconds, at) + number * seconds / n
  local log = recent(state, seconds, at)
  local last = log[#log]
  if last and at - last[1] < seconds / 100 then
    last[2] = math.max(last[2], at)
    last[3] = last[3] + number
  else
    log[#log + 1] = {at, at, number}
  end
  return {next_at = due, log = log}
end

local function read(key)
  local text = redis.call('GET', key)
  if not text then return nil end
  local state = {next_at = tonumber(string.match(text, '^([^|]*)|')), log = {}}
  for first, latest, number in string.gmatch(text, '([%d.-]+),([%d.-]+),(%d+)') do
    state.log[#state.log + 1] = {tonumber(first), tonumber(latest), tonumber(number)}
  end
  return state
end

local states, wait = {}, 0
for i, key in ipairs(KEYS) do
  local n, seconds = tonumber(ARGV[1 + 2 * i]), tonumber(ARGV[2 + 2 * i])
  local state = read(key)
  if not state and mode == 'ask' then return 'seed' end
  if not state then
    state = {next_at = 0, log = {}}
    for ago, number in string.gmatch(ARGV[3 + 2 * #KEYS + i] or '', '([%d.]+),(%d+)') do
      state = grant(state, n, seconds, tonumber(number), now - tonumber(ago))
    end
  end
  state.log = recent(state, seconds, now)
  local excess = count - n
  for _, bucket in ipairs(state.log) do excess = excess + bucket[3] end
  wait = math.max(wait, slot(state, seconds, now) - now)
  for _, bucket in ipairs(state.log) do
    if excess <= 0 then break end
    excess = excess - bucket[3]
    wait = math.max(wait, bucket[2] + seconds - now)
  end
  states[i] = {state = state, n = n, seconds = seconds}
end

for i, key in ipairs(KEYS) do
  local of = states[i]
  local state = of.state
  if wait <= 0 then state = grant(state, of.n, of.seconds, count, now) end
  if wait <= 0 or mode == 'seeded' then
    local parts = {}
    for _, bucket in ipairs(state.log) do
      parts[#parts + 1] = string.format('%.6f,%.6f,%d', bucket[1], bucket[2], bucket[3])
    end
    local text = string.format('%.6f|', state.next_at) .. table.concat(parts, ';')
    redis.call('SET', key, text, 'PX', math.ceil(of.seconds * 2000) + 2000)
  end
end
-- Rounded up: a wait below a microsecond is no grant.
return string.format('%.6f', math.ceil(wait * 1000000) / 1000000)
"""
