"""The arithmetic of a rate limit: exact over every sliding window, and evenly spread inside it.

A limit keeps two things: a log of what was granted within the last window, which makes it exact, and
the time at which the next grant is due (GCRA), which spreads grants instead of letting them go in a
burst and stall. The log is kept in at most a hundred and one buckets, each dated by its latest grant,
so that it may refuse a moment too long and never grants too much.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

BUCKETS = 100
CATCH_UP = 0.1
"""Part of a window that a late caller may catch up; the log keeps that exact too."""
CATCH_UP_SECONDS = 1.0

TIGHT = 0.7
"""Part of a window above which a grant has to be used at its own moment (see :func:`is_tight`)."""

Bucket = tuple[float, float, int]
"""(first grant, latest grant, how many)."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``n`` messages within any ``per_seconds``, under a name that all processes share."""

    name: str
    n: int
    per_seconds: float


@dataclass(frozen=True, slots=True)
class State:
    """What is remembered of one limit."""

    next_at: float = 0.0
    log: tuple[Bucket, ...] = field(default=())


def wait_for(state: State, limit: Limit, count: int, now: float) -> float:
    """Return the seconds until ``count`` messages may be granted; 0 = now.

    A window is open at its start: what was granted exactly one window ago counts no more.
    """
    log = _recent(state, limit, now)
    excess = sum(bucket[2] for bucket in log) + count - limit.n
    wait = max(0.0, _slot(state, limit, now) - now)
    for _first, latest, granted in log:
        if excess <= 0:
            break
        excess -= granted
        wait = max(wait, latest + limit.per_seconds - now)
    return wait


def granted(state: State, limit: Limit, count: int, now: float) -> State:
    """Return the state after a grant."""
    log = list(_recent(state, limit, now))
    if log and now - log[-1][0] < limit.per_seconds / BUCKETS:
        first, latest, before = log.pop()
        log.append((first, max(latest, now), before + count))
    else:
        log.append((now, now, count))
    due = _slot(state, limit, now) + count * limit.per_seconds / limit.n
    return State(due, tuple(log))


def is_tight(state: State, limit: Limit) -> bool:
    """Return whether, in the state after a grant, the window is nearly full.

    Below that a grant that is used late does no harm: what may be granted meanwhile still fits in.
    """
    return sum(bucket[2] for bucket in state.log) > TIGHT * limit.n


def seeded(limit: Limit, grants: Sequence[tuple[float, int]], now: float) -> State:
    """Return the state that earlier grants leave, as (seconds ago, how many)."""
    state = State()
    for ago, count in sorted(grants, reverse=True):
        state = granted(state, limit, count, now - ago)
    return state


def _recent(state: State, limit: Limit, now: float) -> tuple[Bucket, ...]:
    return tuple(bucket for bucket in state.log if bucket[1] > now - limit.per_seconds)


def _slot(state: State, limit: Limit, now: float) -> float:
    return max(state.next_at, now - min(CATCH_UP * limit.per_seconds, CATCH_UP_SECONDS))
