"""The arithmetic of :mod:`crm_plugin.channels.rates.window` as one script that Redis runs at a stroke."""

from typing import Any

import redis

from crm_plugin.channels.rates.window import TIGHT

KEY = "crm:rates"
"""One hash of all limits: a Redis that throws keys away when it is full has all of them or none."""
BEGAN = "began"
"""Field: since when this Redis remembers."""
STATE = "at:"
"""Begin of the fields with the state of a limit."""
LEAD = "lead:"
"""Begin of the fields with the time between a grant and its use."""


def script(client: redis.Redis) -> Any:
    """Return the script, to be called with ``keys`` and ``args`` as its head says.

    It answers ``seed`` and for how long to grant nothing yet, where it needs what the ledger knows; else
    "wait now tight lead": seconds to wait (0 = granted), the server's present, 1 when a window is nearly
    full, and then the seconds between this grant and its use.
    """
    return client.register_script(_LUA)


_LUA = (
    """
-- The same arithmetic as window.py. A field is "expires|next_at|first,latest,count;..." for each limit.
-- KEYS: the hash. ARGV: count, now or '', mode, seconds to settle, least lead; then of each limit: name,
-- n, seconds, seeds.
local hash = KEYS[1]
local count, now, mode = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end
local limits = {}
for i = 6, #ARGV, 4 do
  limits[#limits + 1] = {name = ARGV[i], n = tonumber(ARGV[i + 1]), seconds = tonumber(ARGV[i + 2]),
    seeds = ARGV[i + 3]}
end

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

-- A field that nobody wrote for two windows is as good as none.
local function alive(field)
  local text = redis.call('HGET', hash, field)
  if not text then return nil end
  local ends, rest = string.match(text, '^([^|]*)|(.*)$')
  if tonumber(ends) <= now then return nil end
  return rest
end

local function expiry(of)
  return string.format('%.6f|', now + 2 * of.seconds + 2)
end

local function read(name)
  local text = alive('STATE' .. name)
  if not text then return nil end
  local state = {next_at = tonumber(string.match(text, '^([^|]*)|')), log = {}}
  for first, latest, number in string.gmatch(text, '([%d.-]+),([%d.-]+),(%d+)') do
    state.log[#state.log + 1] = {tonumber(first), tonumber(latest), tonumber(number)}
  end
  return state
end

local function settling()
  local began = tonumber(redis.call('HGET', hash, 'BEGAN'))
  if not began then
    began = now
    redis.call('HSET', hash, 'BEGAN', string.format('%.6f', now))
  end
  return math.max(0, began + tonumber(ARGV[4]) - now)
end

-- Limits come and go, such as domains: now and then those go that say nothing any more.
local function sweep()
  if redis.call('HLEN', hash) < tonumber(redis.call('HGET', hash, 'sweep') or 256) then return end
  local all = redis.call('HGETALL', hash)
  for i = 1, #all, 2 do
    local ends = string.match(all[i + 1], '^([^|]*)|')
    if ends and tonumber(ends) <= now then redis.call('HDEL', hash, all[i]) end
  end
  redis.call('HSET', hash, 'sweep', math.max(256, 2 * redis.call('HLEN', hash)))
end

local wait, tight, lead = 0, 0, tonumber(ARGV[5])
for _, of in ipairs(limits) do
  local state = read(of.name)
  if not state and mode == 'ask' then return string.format('seed %.6f', settling()) end
  if not state then
    state = {next_at = 0, log = {}}
    for ago, number in string.gmatch(of.seeds, '([%d.]+),(%d+)') do
      state = grant(state, of.n, of.seconds, tonumber(number), now - tonumber(ago))
    end
  end
  state.log = recent(state, of.seconds, now)
  local excess = count - of.n
  for _, bucket in ipairs(state.log) do excess = excess + bucket[3] end
  wait = math.max(wait, slot(state, of.seconds, now) - now)
  for _, bucket in ipairs(state.log) do
    if excess <= 0 then break end
    excess = excess - bucket[3]
    wait = math.max(wait, bucket[2] + of.seconds - now)
  end
  of.state = state
end

for _, of in ipairs(limits) do
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
    redis.call('HSET', hash, 'STATE' .. of.name, expiry(of) .. text)
  end
end
if tight == 1 then
  for _, of in ipairs(limits) do
    local longer = alive('LEAD' .. of.name)
    if longer then
      lead = math.max(lead, tonumber(longer))
      -- It ends some time after the last grant: shortened sooner, it would draw two windows together.
      redis.call('HSET', hash, 'LEAD' .. of.name, expiry(of) .. longer)
    end
  end
end
if mode == 'seeded' then sweep() end
-- Rounded up: a wait below a microsecond is no grant.
return string.format('%.6f %.6f %d %.6f', math.ceil(wait * 1000000) / 1000000, now, tight, lead)
""".replace("TIGHT", str(TIGHT))
    .replace("STATE", STATE)
    .replace("BEGAN", BEGAN)
    .replace("LEAD", LEAD)
)
