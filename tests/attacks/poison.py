"""How a bad item is planted into a job, and what is looked at afterwards."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from crm_plugin.host.context import Crm
from crm_plugin.kernel.jobs.failed_items import FailedItem
from crm_plugin.web.admin.words import TABLES
from tests.jobs.effects import Here

Poison = Callable[[Here], None]
POISONS: dict[str, list[Poison]] = {}


def in_job(job: str) -> Callable[[Poison], Poison]:
    """Name the job that a function plants a bad item into."""

    def note(poison: Poison) -> Poison:
        POISONS.setdefault(f"crm_plugin.{job}", []).append(poison)
        return poison

    return note


def kept(crm: Crm) -> dict[str, list[tuple[str, str]]]:
    """Job → (item, reason) of what is left alone; each job has words for the health page."""
    with crm.db.read() as session:
        rows = session.scalars(sa.select(FailedItem).order_by(FailedItem.job, FailedItem.item)).all()
    assert {row.job for row in rows} <= set(TABLES["failed_job"])
    found: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        found.setdefault(row.job, []).append((row.item, row.reason))
    return found


class Bad(Exception):
    """What a bad item fails with."""


def failing(here: Here, place: Any, name: str, is_bad: Callable[..., bool]) -> None:
    """Let a function fail with the arguments that are bad."""
    good = getattr(place, name)

    def either(*args: Any, **options: Any) -> Any:
        if is_bad(*args, **options):
            raise Bad
        return good(*args, **options)

    here.monkeypatch.setattr(place, name, either)


def asked(hook: str, first: str) -> Callable[..., bool]:
    """Whether a hook of the school is asked about something."""
    return lambda name, arguments, *_: (name, *arguments[:1]) == (hook, first)
