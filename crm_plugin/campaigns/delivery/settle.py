"""Settling: writing down what became of messages at the carrier.

Fenced by token *and* state: a worker whose lease was taken over, or about whose rows a person has
decided meanwhile, changes nothing. Out of *unknown* it leads to what is known: a slow worker knows what
it never called about.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.delivery.circuit_breaker import Trouble, note
from crm_plugin.campaigns.feedback import delivery_reports
from crm_plugin.campaigns.ledger import campaign_states
from crm_plugin.campaigns.ledger.lease import Row
from crm_plugin.campaigns.ledger.states import edge, move, take
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.channels.base import Receipt
from crm_plugin.kernel.db import numbered_list
from crm_plugin.kernel.settings import Settings

MAX_TRIES = 4
"""Attempts until a temporary refusal is ``failed_transient``."""
BUSY_TRIES = 12
"""The same for a carrier that only has no time now: over about nine hours, as a mail server would."""
FIRST_WAIT = 30.0
"""Seconds before the second attempt; four times as long before each further one."""
LONGEST_WAIT = 3600.0


@dataclass(slots=True)
class Outcome:
    """What a carrier answered for rows of one token."""

    campaign_id: int
    token: str
    carrier: str
    rows: Sequence[Row]
    receipts: Sequence[Receipt]
    at: datetime
    trouble: Trouble | None = None
    """With the carrier, to be counted."""

    def of(self, *statuses: str) -> list[tuple[Row, Receipt]]:
        """Return the rows whose receipt has one of the statuses."""
        pairs = zip(self.rows, self.receipts, strict=True)
        return [(row, receipt) for row, receipt in pairs if receipt.status in statuses]


def write(session: Session, settings: Settings, outcome: Outcome) -> None:
    """Settle an outcome in the caller's transaction; again = no change."""
    _sent(session, outcome)
    _refused(session, outcome)
    _unknown(session, outcome)
    _try_again(session, outcome)
    if outcome.trouble is not None:
        note(session, settings, outcome.campaign_id, outcome.trouble, outcome.at)


def _sent(session: Session, outcome: Outcome) -> None:
    sent = outcome.of("accepted")
    if not sent:
        return
    refs = [receipt.ref for _, receipt in sent]
    dialect = session.get_bind().dialect.name
    values = {"held": outcome.token, "by": outcome.carrier, "at": outcome.at}
    values |= numbered_list.given(dialect, (row.id for row, _ in sent)) | numbered_list.given(
        dialect, refs, "ref"
    )
    take(session, _settling(dialect, numbered_list.size(dialect, len(sent))), values)
    if any(refs):
        delivery_reports.match_early(session, outcome.carrier, refs)


@lru_cache(maxsize=256)
def _settling(dialect: str, rows: int) -> sa.Update:
    return edge(
        *("settle", ["sending", "unknown"], "sent"),
        *(numbered_list.among(dialect, Delivery.id, rows), Delivery.token == sa.bindparam("held")),
        carrier=sa.bindparam("by"),
        carrier_ref=numbered_list.belonging(dialect, Delivery.id, Delivery.carrier_ref, "ref", rows),
        settled_at=sa.bindparam("at", type_=Delivery.settled_at.type),
        reason=None,
        token=None,
        lease_until=None,
    )


def _refused(session: Session, outcome: Outcome) -> None:
    refused = [pair for pair in outcome.of("rejected") if pair[1].permanent]
    if refused:
        values = {**_why(refused), "carrier": outcome.carrier, **_done(outcome)}
        move(
            session, "settle", ["sending", "unknown"], "failed_permanent", *_fence(outcome, refused), **values
        )


def _unknown(session: Session, outcome: Outcome) -> None:
    unknown = outcome.of("unknown")
    if unknown:
        # The token stays: what the carrier reports later may still settle the row.
        values = {**_why(unknown), "carrier": outcome.carrier, "lease_until": None}
        move(session, "settle", ["sending"], "unknown", *_fence(outcome, unknown), **values)


def _try_again(session: Session, outcome: Outcome) -> None:
    not_called = outcome.of("not_called")
    refused = [pair for pair in outcome.of("rejected", "unavailable") if _is_transient(pair[1])]
    if not not_called and not refused:
        return
    state = _lock(session, outcome.campaign_id)
    if not_called:
        _put_back(session, outcome, not_called, state, "pending", tries=Delivery.tries - 1, reason=None)
    for (wait, last), pairs in _by_wait(refused).items():
        if last:
            values = {**_why(pairs), **_done(outcome)}
            move(session, "settle", _HERE, "failed_transient", *_fence(outcome, pairs), **values)
        else:
            until = outcome.at + timedelta(seconds=wait)
            _put_back(session, outcome, pairs, state, "waiting", **_why(pairs), waits_until=until)


_HERE = ("sending", "unknown")
"""States of rows that a worker has called about; where it was slow, the sweeper has put them in doubt."""


def _put_back(
    session: Session, outcome: Outcome, pairs: list[Any], state: str | None, target: str, **values: Any
) -> None:
    free = {"token": None, "lease_until": None, "handed_at": None}
    if state == "cancelled":
        target, values = "cancelled", {"settled_at": outcome.at}
    moved = move(session, "settle", _HERE, target, *_fence(outcome, pairs), **free, **values)
    if moved and state == "finished":
        campaign_states.change(session, outcome.campaign_id, "reopen", finished_at=None)


def _lock(session: Session, campaign_id: int) -> str | None:
    # Reopening rows locks the campaign first, so that a cancel is either seen here or sees the rows.
    query = sa.select(Campaign.state).where(Campaign.id == campaign_id).with_for_update()
    return session.scalar(query)


def _fence(outcome: Outcome, pairs: list[tuple[Row, Receipt]]) -> list[Any]:
    ids = tuple(row.id for row, _ in pairs)
    return [Delivery.id.in_(ids), Delivery.token == outcome.token]


def _done(outcome: Outcome) -> dict[str, Any]:
    return {"settled_at": outcome.at, "token": None, "lease_until": None}


def _why(pairs: list[tuple[Row, Receipt]]) -> dict[str, Any]:
    """Return why rows were not taken: our reason, and the carrier's own words."""
    reasons = {row.id: (receipt.reason or receipt.status)[:64] for row, receipt in pairs}
    words = {row.id: receipt.words[:255] or None for row, receipt in pairs}
    return {"reason": _each(reasons), "words": _each(words)}


def _each(values: Mapping[int, str | None]) -> Any:
    if len(set(values.values())) == 1:
        return next(iter(values.values()))
    return sa.case(
        {id: sa.literal(value, Delivery.words.type) for id, value in values.items()}, value=Delivery.id
    )


def _is_transient(receipt: Receipt) -> bool:
    return receipt.status == "unavailable" or not receipt.permanent


def _by_wait(
    pairs: list[tuple[Row, Receipt]],
) -> dict[tuple[float, bool], list[tuple[Row, Receipt]]]:
    found: dict[tuple[float, bool], list[tuple[Row, Receipt]]] = {}
    for row, receipt in pairs:
        tried = row.tries + 1
        usual = min(FIRST_WAIT * 4 ** (tried - 1), LONGEST_WAIT)
        wait = max(receipt.retry_after or 0.0, usual)
        last = tried >= (BUSY_TRIES if receipt.busy else MAX_TRIES)
        found.setdefault((wait, last), []).append((row, receipt))
    return found
