"""Work that is done once a business day, however many processes ask for it."""

from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from crm_plugin.kernel.db.types import Base, Key, UtcDateTime
from crm_plugin.kernel.db.writes import insert_missing


class DailyRun(Base):
    """One daily job of one business date; the key makes two tickers harmless."""

    __tablename__ = "crm_daily_run"

    job: Mapped[str] = mapped_column(Key(64), primary_key=True)
    business_date: Mapped[date] = mapped_column(sa.Date, primary_key=True)
    token: Mapped[str] = mapped_column(Key(36))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


ABANDONED = timedelta(hours=1)
"""A job that began this long ago and has not ended was killed: somebody else may take it."""


def claim(session: Session, job: str, day: date, at: datetime, token: str) -> bool:
    """Take a daily job for a date; return False when somebody has it, or has done it.

    :param token: of the caller, unique to it.
    """
    row = {"job": job, "business_date": day, "token": token, "started_at": at}
    insert_missing(session, DailyRun, [row], key=["job", "business_date"])
    killed = (DailyRun.finished_at.is_(None), DailyRun.started_at < at - ABANDONED)
    session.execute(_of(sa.update(DailyRun), job, day).where(*killed).values(token=token, started_at=at))
    taken = session.get(DailyRun, (job, day), populate_existing=True)
    return taken is not None and taken.token == token and taken.finished_at is None


def finish(session: Session, job: str, day: date, at: datetime) -> None:
    """Write down that a daily job was done."""
    session.execute(_of(sa.update(DailyRun), job, day).values(finished_at=at))


def give_back(session: Session, job: str, day: date, token: str) -> None:
    """Free a daily job that failed, so that it is tried again the same day."""
    session.execute(_of(sa.delete(DailyRun), job, day).where(DailyRun.token == token))


def _of(statement: Any, job: str, day: date) -> Any:
    return statement.where(DailyRun.job == job, DailyRun.business_date == day)
