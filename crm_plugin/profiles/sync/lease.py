"""One process at a time reads a stream: a lease on its row, timed by the database's clock.

A token names its machine and process, so that after a kill the next process on that machine goes on at
once. Should it take a living one for dead (machines of one name), no harm is done: every write is fenced.
"""

import os
import platform
import uuid
import zlib
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.db.writes import insert_missing
from crm_plugin.profiles.models.streams import Stream

SECONDS = 120
"""Longer than a call of the host may take and its page needs to be written."""


class LeaseLost(Exception):
    """Another process reads this stream now; what this one was about to write is rolled back."""


def take(db: Database, stream: str) -> str | None:
    """Take the lease on a stream; return its token, or None while another process holds it."""
    token = f"{_process(os.getpid())}{uuid.uuid4().hex[:12]}"

    def work(session: Session) -> bool:
        insert_missing(session, Stream, [{"stream": stream}], key=["stream"])
        now = db.now(session)
        held = session.scalar(sa.select(Stream.token).where(Stream.stream == stream))
        left_behind = held if held is not None and _has_died(held) else None
        free = sa.or_(Stream.token.is_(None), Stream.lease_until < now, Stream.token == left_behind)
        lease = sa.update(Stream).where(Stream.stream == stream, free)
        values = {"token": token, "lease_until": now + timedelta(seconds=SECONDS)}
        return _rows(session, lease.values(values)) == 1

    return token if db.run(work) else None


def take_again(db: Database, stream: str, token: str) -> bool:
    """Hold a lease that this process still has, or has just given back; False when another has it."""

    def work(session: Session) -> bool:
        free = sa.or_(Stream.token.is_(None), Stream.token == token)
        lease = sa.update(Stream).where(Stream.stream == stream, free)
        values = {"token": token, "lease_until": db.now(session) + timedelta(seconds=SECONDS)}
        return _rows(session, lease.values(values)) == 1

    return db.run(work)


def renew(db: Database, session: Session, stream: str, token: str) -> None:
    """Prolong a lease in the transaction that writes; the second one waits here and is refused.

    :raises LeaseLost: when it is not ours any more.
    """
    until = db.now(session) + timedelta(seconds=SECONDS)
    ours = sa.update(Stream).where(Stream.stream == stream, Stream.token == token)
    if _rows(session, ours.values(lease_until=until)) != 1:
        raise LeaseLost(stream)


def release(db: Database, stream: str, token: str) -> None:
    """Give a lease back; when it is not ours any more nothing happens."""
    ours = sa.update(Stream).where(Stream.stream == stream, Stream.token == token)
    db.run(lambda session: _rows(session, ours.values(token=None, lease_until=None)))


def _process(pid: int) -> str:
    return f"{zlib.crc32(platform.node().encode()):08x}-{pid}-"


def _has_died(token: str) -> bool:
    """Return whether a token is of this machine and its process is not there any more."""
    pid = token.split("-")[1]
    if not pid.isdigit() or not token.startswith(_process(int(pid))):
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _rows(session: Session, statement: Any) -> int:
    result: Any = session.execute(statement, execution_options={"synchronize_session": False})
    return int(result.rowcount)
