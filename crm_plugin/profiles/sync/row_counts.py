"""How many rows of each stream we hold: counted in the background, since a million take a page too long."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.kernel.key_value import keep, kept
from crm_plugin.profiles.sync.streams import KINDS

MANY = 100_000
"""Rows from which on a count is kept for a while though rows changed."""
WHILE, ANYWAY = timedelta(minutes=5), timedelta(hours=1)
"""How old a number of many rows may grow beside changes, and any number without."""
_NAME = "profiles.held"


def held(session: Session) -> dict[str, int]:
    """Return the kept numbers by stream; a stream that was never counted is not there."""
    return {stream: number for stream, (number, _) in kept(session, _NAME, {}).items()}


def recount(crm: Crm, changed: bool) -> None:
    """Count the streams whose number is due, and keep the numbers.

    :param changed: rows were written since the last time.
    """
    at = crm.clock()
    with crm.db.read() as session:
        known = kept(session, _NAME, {})
        due = [stream for stream in KINDS if _is_due(known.get(stream), changed, at)]
        counted = {stream: [_count(session, stream), at.isoformat()] for stream in due}
    if counted:
        crm.db.run(lambda session: keep(session, _NAME, known | counted))


def _is_due(number: list[str] | None, changed: bool, at: datetime) -> bool:
    if number is None:
        return True
    age = at - datetime.fromisoformat(number[1])
    return age >= ANYWAY or (changed and (int(number[0]) < MANY or age >= WHILE))


def _count(session: Session, stream: str) -> int:
    kind = KINDS[stream]
    return session.scalar(sa.select(sa.func.count()).select_from(kind.model).where(kind.present)) or 0
