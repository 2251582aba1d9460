"""What fails with one item of a job is that item's: kept with its reason, left alone for a while, shown.

Jobs go through what others wrote: links, clicks, events, answers of carriers and schools. One item that
cannot be handled must neither end the round nor be met first for ever. So each loop of a job goes through
:class:`Round`, and nothing else catches what an item fails with.
"""

import hashlib
import logging
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapped, Session, mapped_column

from crm_plugin.kernel.clock import Clock
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.db.types import Base, Key, UtcDateTime
from crm_plugin.kernel.db.writes import upsert
from crm_plugin.kernel.errors import CrmError
from crm_plugin.kernel.storable import is_text

T = TypeVar("T")
R = TypeVar("R")
log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
"""How long an item is left alone after its first failure; each further one doubles it, up to the longest."""
KEPT = timedelta(days=1)
"""An item that did not fail for so long works by now, or is gone."""
MOST = 1_000
"""Items of a job that are left alone at once."""
_LONGEST_NAME = 191


class FailedItem(Base):
    """An item that a job failed with the last time."""

    __tablename__ = "crm_failed_item"

    job: Mapped[str] = mapped_column(Key(64), primary_key=True)
    item: Mapped[str] = mapped_column(Key(_LONGEST_NAME), primary_key=True)
    reason: Mapped[str] = mapped_column(Key(64))
    """A code of ours, or the kind of failure: its words may hold somebody's data."""
    tries: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When it failed last."""
    retry_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Round:
    """One round of a job through its items.

    :param job: its name on the health page, such as ``links.check``.
    :param passing: errors that say nothing of the item, and end the round as they are.
    """

    def __init__(
        self, db: Database, clock: Clock, job: str, passing: tuple[type[Exception], ...] = ()
    ) -> None:
        self._db, self._clock, self._job, self._passing = db, clock, job, passing

    @cached_property
    def _known(self) -> dict[str, datetime]:
        """Items that failed, and until when they are left alone."""
        newest = sa.select(FailedItem.item, FailedItem.retry_at).where(FailedItem.job == self._job)
        with self._db.read() as session:
            rows = session.execute(newest.order_by(FailedItem.at.desc()).limit(MOST))
            return {row.item: row.retry_at for row in rows}

    def _is_left_alone(self, item: str) -> bool:
        return item in self._known and self._known[item] > self._clock()

    @property
    def left_alone(self) -> list[int]:
        """Items with numbers for names that are not met now: a query of what is due leaves them out."""
        return [int(item) for item in self._known if item.isdigit() and self._is_left_alone(item)]

    def one(self, name: object, work: Callable[[], R]) -> list[R]:
        """Do something with one item; return its result, in a list that is empty when it failed."""
        item = _shown(name)
        if self._is_left_alone(item):
            return []
        try:
            result = _twice(work)
        except self._passing:
            raise
        except Exception as error:
            self._note(item, error)
            return []
        self._worked([item])
        return [result]

    def each(
        self, items: Collection[T], work: Callable[[T], R], name: Callable[[T], object] = str
    ) -> list[R]:
        """Do something with each item; return the results of those that did not fail."""
        return [result for item in items for result in self.one(name(item), partial(work, item))]

    def together(
        self, items: Sequence[T], work: Callable[[Sequence[T]], R], name: Callable[[T], object] = str
    ) -> list[R]:
        """Do something with all items at once, and where that fails with each half of them, down to one.

        :param work: one transaction.
        :return: the result of each call that did not fail.
        """
        due = [item for item in items if not self._is_left_alone(_shown(name(item)))]
        if len(due) < 2:
            return [result for item in due for result in self.one(name(item), partial(work, [item]))]
        try:
            result = _twice(partial(work, due))
        except self._passing:
            raise
        except Exception as error:
            log.warning("%s: %d items at once failed with %s", self._job, len(due), _kind(error))
            half = len(due) // 2
            return [*self.together(due[:half], work, name), *self.together(due[half:], work, name)]
        if self._known:
            self._worked([_shown(name(item)) for item in due])
        return [result]

    def _note(self, item: str, error: Exception) -> None:
        if isinstance(error, CrmError):
            log.warning("%s: %s failed: %s", self._job, item, error)
        else:
            log.warning("%s: %s failed", self._job, item, exc_info=error)
        try:
            self._known[item] = self._db.run(partial(_note, self._job, item, _kind(error), self._clock()))
        except Exception:
            raise error from None  # the database is away, and so it is no fault of the item

    def _worked(self, items: list[str]) -> None:
        over = self._known.keys() & items
        if over:
            gone = sa.delete(FailedItem).where(FailedItem.job == self._job, FailedItem.item.in_(over))
            self._db.run(lambda session: session.execute(gone))
            for item in over:
                del self._known[item]


def listed(session: Session, at: datetime, limit: int) -> list[FailedItem]:
    """Return the items that fail at this time, the last one first."""
    query = sa.select(FailedItem).where(FailedItem.at > at - KEPT)
    return list(session.scalars(query.order_by(FailedItem.at.desc(), FailedItem.job).limit(limit)))


def count(session: Session, at: datetime) -> int:
    """Return how many items fail at this time."""
    query = sa.select(sa.func.count()).select_from(FailedItem).where(FailedItem.at > at - KEPT)
    return session.scalar(query) or 0


def forget_old(session: Session, at: datetime) -> None:
    """Forget items that did not fail for long."""
    session.execute(sa.delete(FailedItem).where(FailedItem.at <= at - KEPT))


def _note(job: str, item: str, reason: str, at: datetime, session: Session) -> datetime:
    known = sa.select(FailedItem.tries).where(FailedItem.job == job, FailedItem.item == item)
    tries = (session.scalar(known) or 0) + 1
    wait: timedelta = min(FIRST_WAIT * 2 ** min(tries - 1, 20), LONGEST_WAIT)
    row = {"job": job, "item": item, "reason": reason, "tries": tries, "at": at, "retry_at": at + wait}
    upsert(session, FailedItem, [row], key=["job", "item"])
    return at + wait


def _twice(work: Callable[[], R]) -> R:
    """Do it again where the connection was lost: a server that was restarted is no fault of an item."""
    try:
        return work()
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
    return work()


def _kind(error: Exception) -> str:
    return error.code if isinstance(error, CrmError) else type(error).__name__[:64]


def _shown(name: object) -> str:
    """Return the name of an item as it can be kept: what is long or cannot be stored ends in its hash."""
    text = str(name)
    if is_text(text) and len(text) <= _LONGEST_NAME:
        return text
    mark = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{ascii(text[:100])[1:151]}… {mark}"
