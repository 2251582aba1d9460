"""The dates that can start an automation: one row each, of a person, an order or an enrolment.

File, form, sentences, SQL and documentation derive from these rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from crm_plugin.kernel.i18n import Text
from crm_plugin.profiles.models.school import HELD_MONEY, Enrolment, Order, Person
from crm_plugin.profiles.store.enrolment_state import SEATED, in_states

Condition = sa.ColumnElement[bool]
Asks = Callable[[datetime], Condition]
"""Condition on rows of a cause's table at an instant."""


@dataclass(frozen=True)
class CauseDate:
    """A date that can start an automation.

    :param key: stands in files and addresses.
    :param label: completes "n days before …".
    :param table: ``person order enrolment``.
    :param column: of that table.
    :param lives: the rows for which it still matters; others enter nobody and stop who is in.
    :param stopped: why who is in stops then.
    :param moves: the date may change: each value of it is a cause of its own.
    :param yearly: it comes back each year, as a whole day.
    :param deadline: name of the date of the same row that a step may wait for.
    """

    key: str
    label: Text
    table: str
    column: str
    lives: Asks
    stopped: str = "over"
    moves: bool = False
    yearly: bool = False
    deadline: str = ""

    @property
    def model(self) -> Any:
        """The table."""
        return TABLES[self.table]

    @property
    def has_course(self) -> bool:
        """Whether its rows are about a course."""
        return self.table != "person"


TABLES: dict[str, Any] = {"person": Person, "order": Order, "enrolment": Enrolment}


def _always(_at: datetime) -> Condition:
    return sa.true()


def _pending(_at: datetime) -> Condition:
    return Order.state == "pending"


def _held(_at: datetime) -> Condition:
    return Order.state.in_(("paid", "refunding", "partly_refunded"))


def _closed(_at: datetime) -> Condition:
    return Order.state == "closed"


def _seat(at: datetime) -> Condition:
    return sa.and_(Enrolment.role == "learner", in_states(Enrolment, SEATED, at))


def _learning(at: datetime) -> Condition:
    return sa.and_(_seat(at), Enrolment.completed_at.is_(None))


def _not_given_up(_at: datetime) -> Condition:
    """The school has not ended it: access may have run out."""
    return sa.and_(Enrolment.role == "learner", Enrolment.state != "ended")


def _left(_at: datetime) -> Condition:
    ended = Enrolment.end_kind.in_(("refund", "removed", "left"))
    return sa.and_(Enrolment.role == "learner", Enrolment.state == "ended", ended)


def _learner(_at: datetime) -> Condition:
    return Enrolment.role == "learner"


_CLOSES, _ENDS = "closes_at", "expires_at"

DATES: dict[str, CauseDate] = {
    one.key: one
    for one in (
        CauseDate("birthday", Text("the birthday"), "person", "birthday", _always, yearly=True),
        CauseDate("registered", Text("the registration"), "person", "registered_at", _always),
        CauseDate(
            *("membership_ends", Text("the end of the membership"), "person", "member_until", _always),
            moves=True,
            deadline="member_until",
        ),
        CauseDate(
            *("membership_begins", Text("the start of the membership"), "person", "member_since", _always),
            moves=True,
            deadline="member_until",
        ),
        CauseDate(
            *("order_created", Text("an order that waits to be paid"), "order", "created_at", _pending),
            deadline=_CLOSES,
        ),
        CauseDate(
            *("order_closes", Text("the closing of an unpaid order"), "order", _CLOSES, _pending),
            deadline=_CLOSES,
        ),
        CauseDate("order_closed", Text("an order that was closed unpaid"), "order", "closed_at", _closed),
        CauseDate("order_paid", Text("a payment"), "order", "paid_at", _held, stopped="refunded"),
        CauseDate(
            *("enrolled", Text("the enrolment"), "enrolment", "enrolled_at", _not_given_up),
            stopped="left",
            deadline=_ENDS,
        ),
        CauseDate(
            *("access_begins", Text("the start of the access"), "enrolment", "starts_at", _not_given_up),
            stopped="left",
            deadline=_ENDS,
        ),
        CauseDate(
            *("access_ends", Text("the end of the access"), "enrolment", _ENDS, _not_given_up),
            stopped="left",
            moves=True,
            deadline=_ENDS,
        ),
        CauseDate(
            *("last_learned", Text("the last learning in a course"), "enrolment", "last_learned_at"),
            _learning,
            stopped="left",
            moves=True,
            deadline=_ENDS,
        ),
        CauseDate("completed", Text("the completion of a course"), "enrolment", "completed_at", _learner),
        CauseDate("left", Text("leaving a course"), "enrolment", "ended_at", _left),
    )
}
"""Dates by their keys."""
HELD = HELD_MONEY
"""States of an order by which it was paid."""
