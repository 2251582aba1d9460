"""Why people left over time: a chart, and a table whose numbers open their people."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from crm_plugin.boards.board import leaving
from crm_plugin.boards.board.leaving import Leaving, Reason
from crm_plugin.boards.board.tabs import Tab
from crm_plugin.web.boards.place import Place
from crm_plugin.web.shell.formatting import month, number
from crm_plugin.web.shell.guard import actor, crm
from crm_plugin.web.shell.i18n import say
from crm_plugin.web.shell.vocabulary import word


@dataclass(frozen=True)
class Slice:
    """A number of people with the address that shows them."""

    count: int
    href: str


@dataclass(frozen=True)
class Line:
    """A reason: its numbers by month, and in all of them."""

    label: str
    slices: list[Slice]
    total: Slice


NOTHING: dict[str, Any] = {"leaving": None}


def shown(place: Place) -> dict[str, Any]:
    """Return what the template needs on the tab of people who left; elsewhere, that there is nothing."""
    if place.tab.stage != "left":
        return NOTHING
    # All who left are counted, whatever the list below is narrowed to.
    found = leaving.of_course(crm(), actor(), place.tab.course, Tab(place.tab.course, "left").tree)
    if not found.reasons:
        return NOTHING
    made = [_line(reason, found, place) for reason in found.reasons]
    months = [month(date.fromisoformat(f"{one}-01")) for one in found.months]
    return {"leaving": {"months": months, "lines": made, "drawn": _drawn(months, made)}}


def _line(reason: Reason, found: Leaving, place: Place) -> Line:
    label = reason.text or (word("end_kind", reason.kind) if reason.kind else say("Other reasons"))
    narrowed = {**dict.fromkeys(place.tab.filters), "reason": reason.key, "after": None}
    slices = [
        Slice(found.counts.get((one, reason.key), 0), place.address(**{**narrowed, "month": one}) + "#c-list")
        for one in found.months
    ]
    last = {**narrowed, "from": found.months[0]}
    return Line(label, slices, Slice(found.totals[reason.key], place.address(**last) + "#c-list"))


def _drawn(months: list[str], lines: list[Line]) -> dict[str, Any]:
    """Return what the chart is drawn from: a point for each number, month by month."""
    points = [
        {
            "row": row,
            "column": column,
            "value": line.slices[column].count,
            "href": line.slices[column].href,
            "spoken": _spoken(month, line, line.slices[column].count),
        }
        for column, month in enumerate(months)
        for row, line in enumerate(lines)
        if line.slices[column].count
    ]
    return {"kind": "stack", "columns": months, "series": [line.label for line in lines], "points": points}


def _spoken(month: str, line: Line, count: int) -> str:
    facts = {"month": month, "reason": line.label, "count": number(count)}
    return say("%(month)s, %(reason)s: %(count)s people", **facts)
