"""A database whose transactions meet others: each is refused once, and passes when it is tried again."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from crm_plugin.kernel.db.engine import Database


@contextmanager
def each_first_try_fails(database: Database) -> Iterator[None]:
    """Refuse every other commit, as after a deadlock: the first one of each transaction."""
    refused = False

    def refuse(_connection: Any) -> None:
        nonlocal refused
        refused = not refused
        if refused:
            raise sa.exc.OperationalError("COMMIT", None, Exception("database is locked"))

    sa.event.listen(database.engine, "commit", refuse)
    try:
        yield
    finally:
        sa.event.remove(database.engine, "commit", refuse)
