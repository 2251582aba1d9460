"""A question about columns: of which people and course, as of when, and for which reader."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from crm_plugin.boards.board.one_course import BoardCourse
from crm_plugin.kernel.db.types import Money
from crm_plugin.profiles.models.school import Order, OrderLine
from crm_plugin.segments.language.dates import Present

Amounts = dict[str, Decimal]
"""Currency → amount; currencies are never added up."""


@dataclass(frozen=True)
class Asked:
    """A page of people of one tab.

    :param people: our ids.
    :param present: the instant, and what the reader may see.
    """

    course: BoardCourse
    people: Sequence[int]
    present: Present

    @property
    def at(self) -> datetime:
        """The instant."""
        return self.present.as_of


def total(column: Any) -> Any:
    """Return the sum of a column of amounts, exact."""
    return sa.type_coerce(sa.func.coalesce(sa.func.sum(column), 0), Money)


def lines(*columns: Any) -> sa.Select[Any]:
    """Return a query of order lines with their orders."""
    return sa.select(*columns).join(Order, Order.id == OrderLine.order_id)
