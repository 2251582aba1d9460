"""What the figures of courses take as plain SQL by hand, for all courses at once: the yardstick of a refresh.

One statement for each stage, one for what was finished, one for weeks and dates of seats, one for money.
Written for speed and for no other use; classes are left out, since the school of the benchmark has none.
"""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from crm_plugin.host.context import Crm

_ANYBODY = "p.status <> 'erased' AND p.merged_into IS NULL AND p.is_staff = :no"
_HELD = "role = 'learner' AND state IN ('active', 'suspended') AND (expires_at IS NULL OR expires_at > :now)"
_BEGUN = "(starts_at IS NULL OR starts_at <= :now)"
_LEFT = "role = 'learner' AND state = 'ended' AND end_kind IN ('refund', 'removed', 'left')"
_LINES = "crm_order_line l JOIN crm_order o ON o.id = l.order_id"
_CLOSED_AT = "COALESCE(o.closed_at, o.created_at)"
_CLOSED_ROWS = f"{_LINES} WHERE o.state = 'closed' AND l.held_money = :no"
_ACTS = f"""SELECT person_id, root_id, MAX(at) AS at FROM (
    SELECT person_id, root_id, at FROM crm_signal
      WHERE kind IN ('view', 'trial', 'favourite', 'audit', 'coupon') AND at >= :since AND at <= :now
    UNION ALL SELECT l.person_id, l.root_id, {_CLOSED_AT} FROM {_CLOSED_ROWS}
      AND {_CLOSED_AT} BETWEEN :since AND :now) AS every_act
    GROUP BY person_id, root_id"""
_PENDING = f"""SELECT DISTINCT l.person_id, l.root_id FROM {_LINES}
    WHERE o.state = 'pending' AND l.held_money = :no"""
_REFUNDS = f"""SELECT l.person_id, l.root_id, MAX(COALESCE(o.refunded_at, :now)) AS at FROM {_LINES}
    WHERE l.held_money = :yes AND (o.state = 'refunded' OR (l.refunded > 0 AND l.refunded >= l.amount))
    GROUP BY l.person_id, l.root_id"""
_GONE = f"""SELECT person_id, root_id, MAX(COALESCE(ended_at, :now)) AS at FROM crm_enrolment WHERE {_LEFT}
    GROUP BY person_id, root_id"""
_SEATED = f"SELECT DISTINCT person_id, root_id FROM crm_enrolment WHERE {_HELD}"


def _counted(pairs: str, *without: str) -> str:
    """Return how many people each course has of some pairs, but those of other pairs."""
    joins = " ".join(
        f"LEFT JOIN ({other}) x{n} ON x{n}.person_id = a.person_id AND x{n}.root_id = a.root_id"
        for n, other in enumerate(without)
    )
    gone = "".join(f" AND x{n}.person_id IS NULL" for n in range(len(without)))
    return f"""SELECT a.root_id, COUNT(*) FROM ({pairs}) a JOIN crm_person p ON p.id = a.person_id {joins}
      WHERE {_ANYBODY}{gone} GROUP BY a.root_id"""


def _distinct(where: str) -> str:
    return f"SELECT DISTINCT person_id, root_id FROM crm_enrolment WHERE {where}"


_OVER = """role = 'learner' AND ((state <> 'ended' AND expires_at <= :now)
    OR (state = 'ended' AND end_kind = 'expired'))"""
_CLOSED = f"""SELECT l.person_id, l.root_id, MAX({_CLOSED_AT}) AS at FROM {_CLOSED_ROWS}
    GROUP BY l.person_id, l.root_id"""
_BOUGHT = f"""SELECT l.person_id, l.root_id, MAX(COALESCE(o.paid_at, o.created_at)) AS at FROM {_LINES}
    WHERE l.held_money = :yes GROUP BY l.person_id, l.root_id"""
_TAKEN = """SELECT person_id, root_id, MAX(enrolled_at) AS at FROM crm_enrolment WHERE role = 'learner'
    GROUP BY person_id, root_id"""
_OLDER = "{0}.person_id = a.person_id AND {0}.root_id = a.root_id AND {0}.at >= a.at"


def _statements() -> list[str]:
    weeks = ", ".join(
        f"SUM(CASE WHEN enrolled_at >= :w{n} AND enrolled_at < :w{n + 1} THEN 1 ELSE 0 END)" for n in range(8)
    )
    held = "('paid', 'refunding', 'refunded', 'partly_refunded')"
    since = " ".join(
        f"LEFT JOIN ({pairs}) {name} ON {_OLDER.format(name)}"
        for name, pairs in (("g", _GONE), ("r", _REFUNDS))
    )
    later = " ".join(
        f"LEFT JOIN ({pairs}) {name} ON {_OLDER.format(name)}"
        for name, pairs in (("g", _BOUGHT), ("r", _TAKEN))
    )
    afterwards = " AND g.person_id IS NULL AND r.person_id IS NULL GROUP BY"
    potential = _counted(_ACTS, _SEATED, _PENDING).replace("WHERE p.status", f"{since} WHERE p.status")
    unpaid = _counted(_CLOSED, _SEATED, _PENDING).replace("WHERE p.status", f"{later} WHERE p.status")
    return [
        afterwards.join(potential.rsplit(" GROUP BY", 1)),
        afterwards.join(unpaid.rsplit(" GROUP BY", 1)),
        _counted(_PENDING),
        _counted(_distinct(f"{_HELD} AND starts_at > :now"), _distinct(f"{_HELD} AND {_BEGUN}")),
        _counted(_distinct(f"{_HELD} AND {_BEGUN}")),
        _counted(_distinct(_LEFT), _SEATED),
        _counted(_distinct(_OVER), _SEATED),
        _counted(_distinct(f"({_HELD} AND {_BEGUN} OR {_OVER}) AND completed_at IS NOT NULL")),
        f"""SELECT root_id, {weeks}, MIN(CASE WHEN starts_at > :now THEN starts_at END),
          MIN(CASE WHEN expires_at > :now THEN expires_at END) FROM crm_enrolment e
          JOIN crm_person p ON p.id = e.person_id WHERE role = 'learner' AND {_ANYBODY} GROUP BY root_id""",
        f"SELECT root_id, MIN(at) FROM ({_ACTS}) a GROUP BY root_id",
        f"""SELECT l.root_id, o.currency, COUNT(DISTINCT o.id),
          SUM(CASE WHEN o.state IN {held} AND o.amount > 0 THEN l.amount - l.refunded ELSE 0 END),
          SUM(CASE WHEN o.state IN {held} AND o.amount > 0 THEN l.refunded ELSE 0 END),
          SUM(CASE WHEN o.state = 'pending' THEN l.amount ELSE 0 END)
          FROM {_LINES} GROUP BY l.root_id, o.currency""",
    ]


def by_hand(crm: Crm) -> None:
    """Ask the figures of all courses in plain SQL."""
    now = crm.clock()
    times = {"now": now, "since": now - timedelta(days=180)}
    times |= {f"w{n}": now - timedelta(weeks=8 - n) for n in range(9)}
    values: dict[str, Any] = {name: _stored(crm, at) for name, at in times.items()}
    values |= {"no": False, "yes": True}
    with crm.db.read() as session:
        for statement in _statements():
            names = [name for name in values if f":{name}" in statement]
            session.execute(sa.text(statement), {name: values[name] for name in names}).all()


def _stored(crm: Crm, at: datetime) -> Any:
    return at if crm.db.dialect == "postgresql" else at.strftime("%Y-%m-%d %H:%M:%S.%f")
