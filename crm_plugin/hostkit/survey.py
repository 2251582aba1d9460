"""Reads each stream of a host once, as the CRM would, and keeps what the checks and the report need.

Of the rows only ids, references and which fields ever had a value are kept: a site of a million people
fits into memory.
"""

import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from crm_plugin.host import records as r
from crm_plugin.host.answer_checks import known_fields
from crm_plugin.host.gateway import Gateway

PAGE = 1000
SAMPLE = 200
"""Rows of each stream that are kept whole, to compare them with what a fetch returns."""


@dataclass
class Survey:
    """What one full scan of a stream showed."""

    stream: str
    ids: list[str] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    sample: list[Any] = field(default_factory=list)
    filled: Counter[str] = field(default_factory=Counter)
    """Field → rows in which it had a value."""
    references: dict[str, set[str]] = field(default_factory=dict)
    """Stream → ids in it that rows of this one name."""
    odd_dates: Counter[str] = field(default_factory=Counter)
    """What dates of enrolments contradict → rows."""
    page_seconds: list[float] = field(default_factory=list)

    def note(self, row: Any) -> None:
        """Take a row into account."""
        self.ids.append(row.id)
        if len(self.sample) < SAMPLE:
            self.sample.append(row)
        self.filled.update(_filled(self.stream, row))
        for stream, id in _references(row):
            self.references.setdefault(stream, set()).add(id)
        if isinstance(row, r.Enrolment):
            self.odd_dates.update(_odd_dates(row))


def pages(gateway: Gateway, stream: str, limit: int) -> Iterator[Any]:
    """Yield the pages of a full scan.

    :raises Unavailable: the host failed, or returned what is no page.
    """
    after: str | None = None
    while True:
        page = gateway.scan(stream, after, limit)
        yield page
        if page.next is None:
            return
        after = page.next


def survey(gateway: Gateway, stream: str) -> Survey:
    """Scan a stream once.

    :raises Unavailable: as :func:`pages`.
    """
    found = Survey(stream)
    started = time.perf_counter()
    for page in pages(gateway, stream, PAGE):
        found.page_seconds.append(time.perf_counter() - started)
        found.bad += [f"{bad.id}: {bad.reason}" for bad in page.bad]
        for row in page.rows:
            found.note(row)
        started = time.perf_counter()
    return found


def peak_memory() -> str:
    """Return the most memory that this process ever held, in words."""
    try:
        import resource
    except ImportError:  # not on Windows
        return "unknown"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return f"{peak / (1024 * 1024 if sys.platform == 'darwin' else 1024):.0f} MB"


def _filled(stream: str, row: Any) -> Iterator[str]:
    for name in known_fields(stream):
        # An empty list is a value: "has no tags" is known.
        if name != "attributes" and getattr(row, name) is not None:
            yield name
    for name, value in getattr(row, "attributes", {}).items():
        if value is not None:
            yield f"attributes.{name}"


def _odd_dates(row: r.Enrolment) -> Iterator[str]:
    if row.end_kind == "expired" and row.expires_at is None:
        yield "ended because access ran out, and do not say when (expires_at)"
    if row.starts_at is not None and row.expires_at is not None and row.starts_at > row.expires_at:
        yield "run out before they begin"


def _references(row: Any) -> Iterator[tuple[str, str]]:
    named: list[tuple[str, str | None]] = []
    if isinstance(row, r.Person):
        named = [("persons", row.merged_into)]
    elif isinstance(row, r.Course):
        named = [("courses", row.parent_id), *(("courses", id) for id in row.course_ids)]
        named += [("persons", id) for id in row.teacher_ids]
    elif isinstance(row, r.Order):
        named = [("persons", row.person_id)]
        named += [("courses", line.item_id) for line in row.lines if line.kind in ("course", "class")]
    else:
        named = [("persons", row.person_id), ("courses", row.course_id)]
        named += [("orders", getattr(row, "order_id", None))]
    return ((stream, id) for stream, id in named if id is not None)
