"""The ledger: one row per considered person of a campaign, its states, and the edges between them.

Nothing but :func:`move` changes a row's state, and it takes only edges that stand in :data:`EDGES`, as
one guarded UPDATE whose row count says how many rows really moved. ``docs/campaigns.md`` explains them.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.models import Delivery

STATES = (
    "excluded",
    "pending",
    "waiting",
    "leased",
    "sending",
    "sent",
    "delivered",
    "failed_transient",
    "failed_permanent",
    "unknown",
    "cancelled",
)
"""Every state of a row; the books show one number for each."""

OPEN = ("pending", "waiting", "leased", "sending")
"""While a row is in one of these, its campaign is not finished."""

COUNTED = ("sending", "sent", "delivered", "unknown")
"""The message left, or may have: what counts for caps, for leaving out, and as marketed."""


def _edges(*pairs: str) -> frozenset[tuple[str, str]]:
    found = set()
    for pair in pairs:
        sources, _, targets = pair.partition(" > ")
        found |= {(source, target) for source in sources.split() for target in targets.split()}
    return frozenset(found)


EDGES: dict[str, frozenset[tuple[str, str]]] = {
    "ripen": _edges("waiting > pending"),
    "lease": _edges("pending > leased"),
    "give_back": _edges("leased > pending cancelled"),
    "refuse": _edges("leased > excluded waiting failed_permanent"),
    "drop": _edges("pending waiting leased > excluded"),
    "mark": _edges("leased > sending"),
    "settle": _edges(
        "sending > sent failed_permanent failed_transient unknown waiting pending cancelled",
        "unknown > sent failed_permanent failed_transient waiting pending cancelled",
    ),
    "lapse": _edges("sending > unknown"),
    "report": _edges("sent unknown > delivered failed_permanent", "unknown > sent"),
    "cancel": _edges("pending waiting leased > cancelled"),
    "resolve": _edges("unknown > sent pending"),
    "retry": _edges("failed_transient > pending"),
    "doubt": _edges("failed_permanent > failed_transient"),
}
"""Verb → the edges that it may take. What stands in no verb never happens."""


_LEDGER: Any = Delivery.__table__


def move(
    session: Session, verb: str, sources: Collection[str], target: str, *where: Any, **values: Any
) -> int:
    """Move the rows that match ``where`` and are in one of ``sources`` to ``target``.

    :param values: other columns to set in the same statement.
    :return: how many rows moved.
    :raises ValueError: when the verb has no such edge.
    """
    return take(session, edge(verb, sources, target, *where, **values))


def edge(verb: str, sources: Collection[str], target: str, *where: Any, **values: Any) -> sa.Update:
    """Return the statement of :func:`move`, for a loop that builds it once and takes it often.

    :raises ValueError: when the verb has no such edge.
    """
    forbidden = [source for source in sources if (source, target) not in EDGES[verb]]
    if forbidden:
        raise ValueError(f"{verb} does not lead from {forbidden[0]} to {target}")
    states = [sa.literal(source) for source in sources]
    statement = sa.update(_LEDGER).where(Delivery.state.in_(states), *where)
    return statement.values(state=target, **values)


def take(session: Session, statement: sa.Update, values: Mapping[str, Any] | None = None) -> int:
    """Carry out a statement of :func:`edge`; return how many rows moved.

    :param values: of its parameters.
    """
    # Straight on the connection: the unit of work has nothing to add and costs as much as the statement.
    result = session.connection().execute(statement, values or {})
    return result.rowcount


@dataclass(slots=True)
class Books:
    """The books of a campaign: disjoint numbers that add up to ``considered`` at every instant."""

    considered: int = 0
    excluded: dict[str, int] = field(default_factory=dict)
    """Reason → people."""
    states: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATES[1:], 0))
    """Every other state → people."""

    def document(self) -> dict[str, Any]:
        """Return them as ``crm campaign status --json`` prints them."""
        return {"considered": self.considered, "excluded": self.excluded, **self.states}


def books(session: Session, ids: Collection[int]) -> dict[int, Books]:
    """Read the books of campaigns, in one statement and so in one snapshot."""
    found = {id: Books() for id in ids}
    reason = sa.case((Delivery.state == "excluded", Delivery.reason))
    query = (
        sa.select(Delivery.campaign_id, Delivery.state, reason, sa.func.count())
        .where(Delivery.campaign_id.in_(tuple(ids)))
        .group_by(Delivery.campaign_id, Delivery.state, reason)
    )
    for campaign_id, state, why, count in session.execute(query):
        book = found[campaign_id]
        book.considered += count
        if state == "excluded":
            book.excluded[why] = book.excluded.get(why, 0) + count
        else:
            book.states[state] += count
    return found


def key(campaign_id: int, delivery_id: int) -> str:
    """Return the idempotency key of a row, the same at each attempt."""
    return f"{campaign_id}-{delivery_id}"
