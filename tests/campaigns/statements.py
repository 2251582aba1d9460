"""Counting the SQL statements that an engine runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from crm_plugin.kernel.db.engine import Database


class Count:
    """The statements so far."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __len__(self) -> int:
        return len(self.texts)


@contextmanager
def counted(database: Database) -> Iterator[Count]:
    """Count while the block runs; transactions begin and end below this, in the driver."""
    count = Count()

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        count.texts.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield count
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
