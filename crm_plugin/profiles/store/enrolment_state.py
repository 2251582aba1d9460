"""The state of an enrolment at an instant: what the school said, and whether access has begun or run out.

Schools leave an enrolment *active* when its access runs out, and enter it before its first day. So the stored
state is the school's word, and every state at an instant comes from here. Each rule stands in SQL and in
Python.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

Condition = sa.ColumnElement[bool]

SEATED = ("active", "upcoming", "suspended", "pending")
"""States in which somebody holds a seat. ``upcoming``: the school says active, and access begins later."""
STATES = (*SEATED, "ended")
"""All states; access that ran out is ``ended`` whatever the school said."""


def in_states(row: Any, states: Iterable[str], at: datetime) -> Condition:
    """Return that an enrolment is in one of these states at an instant.

    :param row: the table, or an alias of it.
    """
    # Comparisons of bare columns: indexes serve them, and planners know how many rows they leave.
    wanted = set(states)
    over = [row.state == "ended", row.expires_at <= at] if "ended" in wanted else []
    return sa.or_(sa.false(), *over, *_held(row, wanted - {"ended"}, at))


def _held(row: Any, wanted: set[str], at: datetime) -> list[Condition]:
    lasts = sa.or_(row.expires_at.is_(None), row.expires_at > at)
    dated = wanted & {"active", "upcoming"}
    plain = wanted - {"upcoming"} if len(dated) == 2 else wanted - dated
    found = [sa.and_(row.state.in_(sorted(plain)), lasts)] if plain else []
    if len(dated) == 1:
        begun = sa.or_(row.starts_at.is_(None), row.starts_at <= at)
        when = begun if "active" in dated else row.starts_at > at
        found.append(sa.and_(row.state == "active", when, lasts))
    return found


def state_at(row: Any, at: datetime) -> sa.ColumnElement[str]:
    """Return the state of an enrolment at an instant, as an expression."""
    return sa.case(
        (sa.or_(row.state == "ended", row.expires_at <= at), "ended"),
        (sa.and_(row.state == "active", row.starts_at > at), "upcoming"),
        else_=row.state,
    )


def end_kind_at(row: Any, at: datetime) -> sa.ColumnElement[str | None]:
    """Return how an enrolment ended, as an expression: ``expired`` where access merely ran out."""
    return sa.case((_ran_out(row, at), "expired"), else_=row.end_kind)


def end_time_at(row: Any, at: datetime) -> sa.ColumnElement[datetime | None]:
    """Return when an enrolment ended, as an expression."""
    return sa.case((_ran_out(row, at), row.expires_at), else_=row.ended_at)


def _ran_out(row: Any, at: datetime) -> Condition:
    return sa.and_(row.state != "ended", row.expires_at <= at)


def state_of(row: Mapping[str, Any], at: datetime) -> str:
    """Return the state of a loaded enrolment at an instant."""
    if row["state"] == "ended" or has_run_out(row, at):
        return "ended"
    later = row["starts_at"] is not None and row["starts_at"] > at
    return "upcoming" if row["state"] == "active" and later else str(row["state"])


def has_run_out(row: Mapping[str, Any], at: datetime) -> bool:
    """Return whether access ran out, and the school did not end it before."""
    return row["state"] != "ended" and row["expires_at"] is not None and row["expires_at"] <= at


def end_kind_of(row: Mapping[str, Any], at: datetime) -> str | None:
    """Return how a loaded enrolment ended; None while it has not."""
    return "expired" if has_run_out(row, at) else row["end_kind"]


def end_time_of(row: Mapping[str, Any], at: datetime) -> datetime | None:
    """Return when a loaded enrolment ended."""
    ended: datetime | None = row["expires_at"] if has_run_out(row, at) else row["ended_at"]
    return ended
