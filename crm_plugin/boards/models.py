"""Tables of boards: the figures of each root course or class as they were last computed, and its money."""

from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from crm_plugin.kernel.db.types import Base, Id, Json, Key, Money, UtcDateTime


class CourseFigures(Base):
    """People of a root course or class by stage, and what else a list shows of it."""

    __tablename__ = "crm_course_figures"

    root_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    potential: Mapped[int] = mapped_column(default=0)
    pending: Mapped[int] = mapped_column(default=0)
    upcoming: Mapped[int] = mapped_column(default=0)
    learners: Mapped[int] = mapped_column(default=0)
    left: Mapped[int] = mapped_column(default=0)
    expired: Mapped[int] = mapped_column(default=0)
    closed_unpaid: Mapped[int] = mapped_column(default=0)
    finished: Mapped[int] = mapped_column(default=0)
    """People among learners and expired who completed it."""
    trend: Mapped[list[int]] = mapped_column(Json)
    """Seats of learners that began in each of the eight weeks up to the week of ``as_of``."""
    price: Mapped[Decimal | None] = mapped_column(Money)
    """The lowest at which it can be bought now; None = it cannot, or nobody says."""
    currency: Mapped[str | None] = mapped_column(Key(3))
    """Of the price."""
    as_of: Mapped[datetime] = mapped_column(UtcDateTime)
    next_change: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When time alone changes something: access begins or runs out, an act of interest grows too old."""


class CourseMoney(Base):
    """Money of a root course or class in one currency; the definitions are in ``order_shares``."""

    __tablename__ = "crm_course_money"

    root_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    currency: Mapped[str] = mapped_column(Key(3), primary_key=True)
    revenue: Mapped[Decimal] = mapped_column(Money)
    refunded: Mapped[Decimal] = mapped_column(Money)
    orders: Mapped[int]
    offsite_revenue: Mapped[Decimal] = mapped_column(Money)
    offsite_orders: Mapped[int]
    at_risk: Mapped[Decimal] = mapped_column(Money)


MONEY = tuple(column.name for column in sa.inspect(CourseMoney).columns if not column.primary_key)
"""Names of the figures of money."""
