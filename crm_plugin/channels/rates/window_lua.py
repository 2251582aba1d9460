"""The arithmetic of :mod:`crm_plugin.channels.rates.window` as one script that Redis runs at a stroke."""

from typing import Any

import redis

from crm_plugin.channels.rates.window import TIGHT


def script(client: redis.Redis) -> Any:
    """Return the script, to be called with ``keys`` and ``args`` as its head says.

    It answers ``seed`` where it needs what the ledger knows, else "wait now tight": seconds to
    wait (0 = granted), the server's present, 1 when a window is nearly full.
    """
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

local states, wait, tight = {}, 0, 0
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
  if wait <= 0 then
    state = grant(state, of.n, of.seconds, count, now)
    local sum = 0
    for _, bucket in ipairs(state.log) do sum = sum + bucket[3] end
    if sum > TIGHT * of.n then tight = 1 end
  end
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
return string.format('%.6f %.6f %d', math.ceil(wait * 1000000) / 1000000, now, tight)
""".replace("TIGHT", str(TIGHT))
