"""Work that is done once a business day, however many processes ask for it."""

from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from crm_plugin.kernel.db.types import Base, Key, Text, UtcDateTime
from crm_plugin.kernel.db.writes import insert_missing


class DailyRun(Base):
    """One daily job of one business date; the key makes two tickers harmless."""

    __tablename__ = "crm_daily_run"

    job: Mapped[str] = mapped_column(Key(64), primary_key=True)
    business_date: Mapped[date] = mapped_column(sa.Date, primary_key=True)
    token: Mapped[str] = mapped_column(Key(36))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    error: Mapped[str | None] = mapped_column(Text)
    """What it failed with the last time; None: it did not."""


TRIES = 3
"""How often a job that fails, or whose process dies, is begun for a date."""
RETRY_AFTER = timedelta(minutes=15)
ABANDONED = timedelta(hours=1)
"""A job that began this long ago and has not ended was killed: somebody else may take it."""


def claim(session: Session, job: str, day: date, at: datetime, token: str) -> bool:
    """Take a daily job for a date; return False when somebody has it, has done it, or it failed too often.

    :param token: of the caller, unique to it.
    """
    row = {"job": job, "business_date": day, "token": token, "started_at": at, "tries": 1}
    insert_missing(session, DailyRun, [row], key=["job", "business_date"])
    killed = DailyRun.started_at < at - ABANDONED
    failed = sa.and_(DailyRun.error.is_not(None), DailyRun.started_at <= at - RETRY_AFTER)
    again = (DailyRun.finished_at.is_(None), DailyRun.tries < TRIES, sa.or_(killed, failed))
    values = {"token": token, "started_at": at, "tries": DailyRun.tries + 1, "error": None}
    session.execute(_of(sa.update(DailyRun), job, day).where(*again).values(**values))
    taken = session.get(DailyRun, (job, day), populate_existing=True)
    return taken is not None and taken.token == token and taken.finished_at is None and taken.error is None


def finish(session: Session, job: str, day: date, at: datetime) -> None:
    """Write down that a daily job was done."""
    session.execute(_of(sa.update(DailyRun), job, day).values(finished_at=at))


def fail(session: Session, job: str, day: date, token: str, error: str) -> None:
    """Write down what a daily job failed with; a later tick tries it again the same day."""
    session.execute(_of(sa.update(DailyRun), job, day).where(DailyRun.token == token).values(error=error))


KILLED = "killed"
"""What is said of a job whose process died each time that it was begun."""


def failing(session: Session, since: date, at: datetime) -> list[tuple[str, str]]:
    """Return the daily jobs that failed on their last date, with what they failed with."""
    newest = sa.select(DailyRun.job, sa.func.max(DailyRun.business_date).label("day"))
    last = newest.where(DailyRun.business_date >= since).group_by(DailyRun.job).subquery()
    same = sa.and_(last.c.job == DailyRun.job, last.c.day == DailyRun.business_date)
    given_up = (DailyRun.finished_at.is_(None), DailyRun.tries >= TRIES, DailyRun.started_at < at - ABANDONED)
    wrong = sa.or_(DailyRun.error.is_not(None), sa.and_(*given_up))
    rows = sa.select(DailyRun.job, DailyRun.error).join(last, same).where(wrong)
    return [(job, error or KILLED) for job, error in session.execute(rows.order_by(DailyRun.job))]


def _of(statement: Any, job: str, day: date) -> Any:
    return statement.where(DailyRun.job == job, DailyRun.business_date == day)
