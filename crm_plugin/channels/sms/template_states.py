"""The approval life of an SMS template: its states, and the edges between them.

Nothing but :func:`move` changes a template's state, by one guarded UPDATE, so that a push, a poll and a
person who answer at the same time end in one of their answers and never in a mixture.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from crm_plugin.channels.base import SmsText
from crm_plugin.channels.models import SmsTemplate

DRAFT, SUBMITTED, APPROVED, REJECTED = STATES = ("draft", "submitted", "approved", "rejected")
OUTBOX = "outbox"
"""The carrier that sends nothing, and so has nobody who could object to the stock."""

EDGES: dict[str, frozenset[tuple[str, str]]] = {
    "submit": frozenset({(DRAFT, SUBMITTED), (REJECTED, SUBMITTED)}),
    "approve": frozenset({(SUBMITTED, APPROVED), (REJECTED, APPROVED)}),
    "reject": frozenset({(SUBMITTED, REJECTED), (APPROVED, REJECTED)}),
    "sign_off": frozenset({(DRAFT, APPROVED), (SUBMITTED, APPROVED), (REJECTED, APPROVED)}),
    "take_back": frozenset({(SUBMITTED, DRAFT), (APPROVED, DRAFT), (REJECTED, DRAFT)}),
}
"""Verb → the edges that it may take. The carrier approves and rejects (and may withdraw an approval);
a person submits, signs off what no carrier looks at, and withdraws."""


def target(verb: str) -> str:
    """Return the one state that a verb leads to."""
    (found,) = {end for _, end in EDGES[verb]}
    return found


def at_carrier(template: SmsText, carrier: str) -> SmsText:
    """Return a template with the state that it has at a carrier.

    The stock is approved at the outbox; a code of a carrier is its approval; an answer of one carrier says
    nothing of another.
    """
    if template.carrier in ("", carrier):
        return template
    fine = (template.stock and carrier == OUTBOX) or bool(template.carrier_codes.get(carrier))
    return replace(template, state=APPROVED if fine else DRAFT, reason=None)


def move(session: Session, verb: str, template: SmsText, carrier: str, at: datetime, **values: Any) -> bool:
    """Move a template, as it was read, by a verb; False when its state has changed since, or is no source.

    :param template: as :func:`at_carrier` returned it.
    :param carrier: whose answer the new state is.
    :param values: other columns to set in the same statement.
    """
    if (template.state, target(verb)) not in EDGES[verb]:
        return False
    row = sa.update(SmsTemplate).where(
        SmsTemplate.key == template.key, SmsTemplate.version == template.version
    )
    # A state that another carrier gave counts as a draft here, and is overwritten by this one's.
    same = sa.or_(SmsTemplate.carrier.not_in(("", carrier)), SmsTemplate.state == template.state)
    changes = {"state": target(verb), "carrier": carrier, "updated_at": at, **values}
    result = session.execute(
        row.where(same).values(**changes), execution_options={"synchronize_session": False}
    )
    assert isinstance(result, CursorResult)
    return result.rowcount == 1
