"""The school's own checks, run by the worker and kept: a page never waits for the school."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.kernel.clock import parse_instant
from crm_plugin.kernel.key_value import keep, kept

_NAME = "school_checks"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the health page."""

    name: str
    ok: bool
    detail: str


def look(crm: Crm) -> None:
    """Ask the school for its checks and keep them with their time; without a school, do nothing."""
    if crm.host.plugin is None:
        return
    lines = [[name, ok, detail] for name, ok, detail in crm.host.check()]
    found = {"at": crm.clock().isoformat(), "lines": lines}
    crm.db.run(lambda session: keep(session, _NAME, found))


def last(session: Session) -> tuple[datetime | None, list[Check]]:
    """Return when the school's checks ran last, and what they said; (None, []) when they never did."""
    found = kept(session, _NAME)
    if not found:
        return None, []
    return parse_instant(found["at"]), [
        Check(str(name), bool(ok), str(detail)) for name, ok, detail in found["lines"]
    ]
