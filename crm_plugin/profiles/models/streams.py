"""Tables of the sync itself: how far each stream is, what was seen, what waits, what was set aside."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from crm_plugin.kernel.db.types import Base, Id, Json, Key, Text, UtcDateTime


class Stream(Base):
    """How far one stream is: its mark, a running scan, its last success and failure."""

    __tablename__ = "crm_stream"

    stream: Mapped[str] = mapped_column(Key(32), primary_key=True)
    state: Mapped[str] = mapped_column(Key(16), default="new")
    """``new scanning current failing stopped``."""
    mark: Mapped[str | None] = mapped_column(Text)
    scan_mark: Mapped[str | None] = mapped_column(Text)
    """The mark taken before the running scan; becomes ``mark`` when the scan ends."""
    scan_after: Mapped[str | None] = mapped_column(Text)
    scan_number: Mapped[int] = mapped_column(default=0)
    rescan: Mapped[bool] = mapped_column(default=False)
    """A full scan is due (lost mark, weekly, an estimate that is off)."""
    scanned: Mapped[int] = mapped_column(default=0)
    estimate: Mapped[int | None]
    quarantined: Mapped[int] = mapped_column(default=0)
    """Rows of the running or last scan that broke the contract."""
    scan_started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    scan_finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ok_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """As of when our copy is right: when the last successful read began."""
    error_code: Mapped[str | None] = mapped_column(Key(64))
    error: Mapped[str | None] = mapped_column(Text)
    failures: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    token: Mapped[str | None] = mapped_column(Key(36))
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Seen(Base):
    """Which scan saw a row last; a reconcile scan that reached its end ends the rows it did not see."""

    __tablename__ = "crm_seen"

    stream: Mapped[str] = mapped_column(Key(32), primary_key=True)
    host_id: Mapped[str] = mapped_column(Key(), primary_key=True)
    scan_number: Mapped[int]


class Parked(Base):
    """A row that names a person or course which is not here yet; it waits, it is not dropped."""

    __tablename__ = "crm_parked"

    stream: Mapped[str] = mapped_column(Key(32), primary_key=True)
    host_id: Mapped[str] = mapped_column(Key(), primary_key=True)
    waits_for: Mapped[str] = mapped_column(Key(32))
    """``persons`` or ``courses``."""
    waits_for_id: Mapped[str] = mapped_column(Key())
    row: Mapped[dict[str, Any]] = mapped_column(Json)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    asked: Mapped[bool] = mapped_column(default=False)
    """The school was asked for what is missing, and did not have it then."""
    __table_args__ = (sa.Index("ix_crm_parked_waits_for", "waits_for", "waits_for_id"),)


class Quarantined(Base):
    """A row that broke the contract, with the reason; the rest of its page was taken."""

    __tablename__ = "crm_quarantined"

    stream: Mapped[str] = mapped_column(Key(32), primary_key=True)
    host_id: Mapped[str] = mapped_column(Key(), primary_key=True)
    reason: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class HostEventRow(Base):
    """An event of the school that waits to be read: which rows of a stream may have changed.

    Web machines hand over what they have spooled, so that a worker on another machine finds it.
    """

    __tablename__ = "crm_host_event"
    # A number is never used again: one process forgets events while another one stores new ones.
    __table_args__ = {"sqlite_autoincrement": True}

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    stream: Mapped[str] = mapped_column(Key(32))
    ids: Mapped[list[str]] = mapped_column(Json)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class Touched(Base):
    """A person whose facts are to be computed again.

    Only added to, one row an event: with the person as key, a touch that commits while the facts are
    being computed could meet the row that is just being removed, and be lost.
    """

    __tablename__ = "crm_touched"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    person_id: Mapped[int] = mapped_column(Id, index=True)


class TouchedCourse(Base):
    """A root course whose figures are to be computed again; only added to, as :class:`Touched`."""

    __tablename__ = "crm_touched_course"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    root_id: Mapped[int] = mapped_column(Id, index=True)
