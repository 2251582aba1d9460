"""The list of what jobs do: each file of effects adds its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crm_plugin.host.context import Crm, installed
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.queue.queue import resolve

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604"


class Here:
    """Where a job works: an empty database and a folder."""

    def __init__(self, database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.database, self.folder, self.monkeypatch = database, folder, monkeypatch


Effect = Callable[[Here], None]
EFFECTS: dict[str, Effect] = {}


def of(job: str) -> Callable[[Effect], Effect]:
    """Name the job whose effect a function looks at."""

    def note(effect: Effect) -> Effect:
        EFFECTS[job] = effect
        return effect

    return note


def do(crm: Crm, job: str, *ids: int) -> None:
    """Run a job as a worker does."""
    with installed(crm):
        resolve(job)(*ids)


def move(crm: Crm, **delta: float) -> None:
    crm.clock.move(**delta)  # type: ignore[attr-defined]


def one(crm: Crm, query: Any) -> Any:
    with crm.db.read() as session:
        return session.scalar(query)
