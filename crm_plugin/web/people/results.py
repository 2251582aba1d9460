"""The people of a segment as a list: columns, sorting, paging by key, selection."""

import json
from dataclasses import dataclass

from crm_plugin.profiles.people import access
from crm_plugin.profiles.people.queries import PersonRow
from crm_plugin.segments import service
from crm_plugin.segments.listing import columns as table
from crm_plugin.segments.listing.columns import Column
from crm_plugin.segments.listing.paging import SORTS
from crm_plugin.web.listing.selection import Selection, chosen
from crm_plugin.web.people.list_state import Place
from crm_plugin.web.segments.builder.fields import catalogue
from crm_plugin.web.shell.guard import actor, crm
from crm_plugin.web.shell.i18n import locale

PAGE = 50
_RIGHT = ("number", "money")


@dataclass(frozen=True)
class Heading:
    """A column of the list; ``href`` sorts by it."""

    key: str
    label: str
    kind: str
    href: str = ""
    sort: str = ""
    """``ascending`` or ``descending`` when the list is sorted by it now."""

    @property
    def right(self) -> bool:
        """Figures stand on the right."""
        return self.kind in _RIGHT


@dataclass(frozen=True)
class Choice:
    """A column that may be shown or not."""

    key: str
    label: str
    shown: bool


@dataclass(frozen=True)
class Results:
    """A page of people with what its form carries."""

    place: Place
    rows: list[PersonRow]
    headings: list[Heading]
    choices: list[Choice]
    selection: Selection
    next: str
    """``after`` of the next page."""
    first: str

    @property
    def shown(self) -> str:
        """The school's ids of the people on this page, as the form carries them."""
        return json.dumps([row.host_id for row in self.rows], ensure_ascii=False)

    @property
    def elsewhere(self) -> int:
        """How many were selected, or of all cleared, on other pages."""
        return len(self.selection.ids.difference(row.host_id for row in self.rows))

    @property
    def carried(self) -> str:
        """What the form carries of other pages."""
        return self.selection.carried(row.host_id for row in self.rows)


def found(place: Place, selection: Selection | None = None) -> Results:
    """Return a page of people.

    :raises BadInput: when the segment, the part of it or the place cannot be understood.
    """
    narrowing = place.part.narrowing
    people = service.narrowed(crm(), place.search, narrowing) if narrowing else place.search
    page = service.listed(crm(), people, place.sort, place.after, PAGE)
    with crm().db.read() as session:
        rows = access.rows(crm(), session, actor(), page.ids)
    offered = table.offered(catalogue(), actor())
    shown = chosen(offered)
    return Results(
        place,
        rows,
        [_heading(one, place) for one in shown],
        [Choice(one.key, one.label.of(locale()), one in shown) for one in offered if one != table.NAME],
        selection or Selection(),
        next=page.next or "",
        first=place.address(after=None) if place.after else "",
    )


def _heading(column: Column, place: Place) -> Heading:
    label = column.label.of(locale())
    if column.key not in SORTS:
        return Heading(column.key, label, column.kind)
    now = place.sort.removeprefix("-") == column.key
    falling = place.sort.startswith("-")
    # What one looks for first: the latest and the most, but names from A; a second click turns it.
    rises = falling if now else column.kind == "text"
    href = place.address(sort=column.key if rises else f"-{column.key}", after=None)
    return Heading(column.key, label, column.kind, href, ("descending" if falling else "ascending") * now)
