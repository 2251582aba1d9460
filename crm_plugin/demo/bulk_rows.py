"""Collects the rows of a generated school, then writes them in bulk."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

from sqlalchemy import ColumnDefault, Connection, Table, func, insert, select, text

from crm_plugin.demo.models import Base

DAY = 86_400
_CHUNK = 5_000


class Ledger:
    """Rows by table, numbered from 1, with the dice and the present that made them."""

    def __init__(self, seed: int, now: int) -> None:
        self.dice = random.Random(seed)
        self.now = now
        self.rows: dict[str, list[dict[str, Any]]] = defaultdict(list)

    def add(self, table: str, **values: Any) -> dict[str, Any]:
        """Keep a row; its ``updated_at`` is the latest of its times that is not in the future."""
        times = [v for k, v in values.items() if k == "at" or k.endswith("_at")]
        past = [at for at in times if at is not None and at <= self.now]
        values["id"] = len(self.rows[table]) + 1
        values["updated_at"] = max(past, default=self.now - 400 * DAY)
        self.rows[table].append(values)
        return values

    def ago(self, least: float, most: float) -> int:
        """Return a time between ``least`` and ``most`` days ago, more often in the evening."""
        days = self.dice.uniform(least, most)
        return self.now - int(days * DAY)

    def between(self, start: int, end: int) -> int:
        """Return a time from start to end, never after the present."""
        end = min(max(start, end), self.now)
        return self.dice.randint(min(start, end), end)

    def chance(self, share: float) -> bool:
        """Return True in this share of all calls."""
        return self.dice.random() < share

    def touch(self, row: dict[str, Any], **values: Any) -> None:
        """Change a kept row, its ``updated_at`` too."""
        row.update(values)
        past = [at for k, at in values.items() if k.endswith("_at") and at is not None and at <= self.now]
        row["updated_at"] = max([row["updated_at"], *past])

    def write(self, connection: Connection) -> None:
        """Insert everything, parents first; tables must be empty."""
        for table in Base.metadata.sorted_tables:
            rows = self.rows.get(table.name, [])
            names = {column.name for column in table.columns}
            shaped = [{name: row.get(name, _default(table, name)) for name in names} for row in rows]
            for start in range(0, len(shaped), _CHUNK):
                connection.execute(insert(table), shaped[start : start + _CHUNK])
            if rows and "id" in names and connection.dialect.name == "postgresql":
                _move_sequence(connection, table)


def _default(table: Table, name: str) -> Any:
    default = table.columns[name].default
    return default.arg if isinstance(default, ColumnDefault) else None


def _move_sequence(connection: Connection, table: Table) -> None:
    """Rows came with their numbers: the next one that the school makes must not clash."""
    highest = connection.scalar(select(func.max(table.columns["id"])))
    sequence = text("SELECT setval(pg_get_serial_sequence(:table, 'id'), :highest)")
    connection.execute(sequence, {"table": table.name, "highest": highest})
