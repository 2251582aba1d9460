"""Tables of campaigns that repeat."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from crm_plugin.kernel.db.types import Base, Id, Json, Key, UtcDateTime


class Recurrence(Base):
    """When the children of a campaign are sent."""

    __tablename__ = "crm_recurrence"

    campaign_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(Key(8))
    """``on``, ``paused``, ``off`` (it is being changed) or ``ended``."""
    reason: Mapped[str | None] = mapped_column(Key(64))
    """Why it is paused: ``by_hand``, or the code of what stands in its way."""
    every: Mapped[str] = mapped_column(Key(8))
    days: Mapped[list[int]] = mapped_column(Json)
    clock: Mapped[str] = mapped_column(Key(5))
    zone: Mapped[str] = mapped_column(Key(64))
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the next period begins; None unless it is on."""
    changed_by: Mapped[str] = mapped_column(Key())
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Period(Base):
    """What became of a period: one row for each, whatever workers do at once and wherever they die."""

    __tablename__ = "crm_recurrence_period"

    campaign_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    day: Mapped[str] = mapped_column(Key(10), primary_key=True)
    """The day that it began on, by the zone's calendar."""
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    child_id: Mapped[int | None] = mapped_column(Id)
    """The campaign that was made for it; None = there is none."""
    reason: Mapped[str | None] = mapped_column(Key(64))
    """Why there is none."""
    missed: Mapped[int] = mapped_column(default=0)
    """Periods before it that nobody was there for, and that are not made up for."""
