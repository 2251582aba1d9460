"""Loads the Moodle data set, and makes small sites with the same tables."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.host.gateway import Gateway
from crm_plugin.kernel.settings import Settings

FACTS = {
    "host_region": "GB",
    "host_timezone": "Europe/London",
    "host_currency": "GBP",
    "host_base_url": "https://moodle.example/",
}


def loader(folder: Path) -> Any:
    """The data set's own loading script, as a module."""
    spec = importlib.util.spec_from_file_location("moodle_load", folder / "load.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load(folder: Path, url: str) -> None:
    """Fill an empty database with the whole data set."""
    site = SmallSite(folder, url)
    module = loader(folder)
    for table in site.tables.values():
        rows = list(module.rows(table))
        for start in range(0, len(rows), 2000):
            site.run(table.insert(), rows[start : start + 2000])
    site.engine.dispose()


def settings(url: str) -> Settings:
    """Settings for the site in that database."""
    return Settings(host="moodle", host_url=url, **FACTS)


class SmallSite:
    """The data set's tables without its rows; ``add`` fills in what a row leaves out."""

    def __init__(self, folder: Path, url: str) -> None:
        module = loader(folder)
        metadata = sa.MetaData()
        self.tables = {name: module.table(metadata, name, spec) for name, spec in module.TABLES.items()}
        self.engine = sa.create_engine(url)
        metadata.create_all(self.engine)

    def add(self, table: str, **values: Any) -> None:
        """Insert a row; columns that are not named are 0 or empty, as Moodle declares them."""
        target = self.tables[table]
        blank = {c.name: "" if isinstance(c.type, sa.Text) else 0 for c in target.columns}
        self.run(target.insert().values(**blank | values))

    def set(self, table: str, id: int, **values: Any) -> None:
        """Update a row."""
        target = self.tables[table]
        self.run(target.update().where(target.c.id == id).values(**values))

    def remove(self, table: str, id: int) -> None:
        """Delete a row."""
        target = self.tables[table]
        self.run(target.delete().where(target.c.id == id))

    def run(self, statement: Any, rows: list[dict[str, Any]] | None = None) -> None:
        """Execute a statement, for these rows where there are any."""
        with self.engine.begin() as connection:
            connection.execute(statement, rows)


def changed(gateway: Gateway, stream: str, change: Callable[[], object]) -> dict[str, Any]:
    """Change a site; return the rows of a stream that the adapter says have changed, by their ids."""
    mark = gateway.mark(stream)
    assert mark is not None
    change()
    page = gateway.changes(stream, mark, 1000)
    return {c.row.id: c.row for c in page.changes if isinstance(c, r.Upsert)}
