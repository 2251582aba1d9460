"""The board of one course or class: its tabs, the people of one of them, and what one does there."""

import json
from dataclasses import dataclass
from datetime import date

from flask import Response, request
from flask.typing import ResponseReturnValue

from crm_plugin.boards.board import tab_filters
from crm_plugin.boards.board.tab_filters import Filter
from crm_plugin.boards.board.tabs import TABS, counts, own_sorts
from crm_plugin.campaigns.ready import actions
from crm_plugin.channels.registry import CHANNELS
from crm_plugin.kernel.i18n import Text
from crm_plugin.profiles.staff.purchase_intent import LEVELS
from crm_plugin.segments import service
from crm_plugin.web.boards import leaving_chart
from crm_plugin.web.boards.place import Place
from crm_plugin.web.boards.rows import Heading, Row, by_name, headings, rows
from crm_plugin.web.listing.selection import Selection
from crm_plugin.web.segments import links
from crm_plugin.web.shell.formatting import month
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import say
from crm_plugin.web.shell.rendering import render
from crm_plugin.web.shell.vocabulary import word

ROUTES = Routes()

PAGE = 50
_POTENTIAL = Text(
    "Showed interest in the last %(days)s days: viewed, tried, marked, audited, took a coupon, or "
    "let an order close. No seat and no unpaid order now. After leaving, only newer interest counts."
)


@dataclass(frozen=True)
class Shown:
    """The list of a tab with what its form carries."""

    rows: list[Row]
    name: Heading
    headings: list[Heading]
    size: int
    selection: Selection
    next: str
    first: str

    @property
    def shown(self) -> str:
        """The school's ids of the people on this page, as the form carries them."""
        return json.dumps([row.person.host_id for row in self.rows], ensure_ascii=False)

    @property
    def elsewhere(self) -> int:
        """How many are selected on other pages."""
        return len(self.selection.ids.difference(row.person.host_id for row in self.rows))

    @property
    def carried(self) -> str:
        """What the form carries of other pages."""
        return self.selection.carried(row.person.host_id for row in self.rows)


@ROUTES.page("/courses/<path:course>")
def board(course: str) -> ResponseReturnValue:
    """Show a tab of a course or class; ``stage`` names it, and filters narrow it."""
    return shown(Place.read(course, request.args))


def shown(place: Place, selection: Selection | None = None) -> Response:
    """Return the page of a place, with these people selected."""
    found = counts(crm(), actor(), place.tab.course)
    course = place.tab.course
    return render(
        "boards/page.html",
        title=course.title,
        active="classes" if course.kind == "class" else "courses",
        course=course,
        at_school=crm().host.url("class" if course.kind == "class" else "course", course.host_id),
        place=place,
        definition=_definition(place.tab.stage),
        slice_label=_slice_label(place),
        now=crm().clock(),
        tabs=[(stage, found[stage], place.other(stage)) for stage in TABS],
        filters=_filters(place),
        narrowed=bool(place.tab.filters),
        people_href=links.address(place.tab.tree),
        list=_listed(place, selection or Selection(), found[place.tab.stage]),
        actions=actions.offered(crm(), place.tab.stage),
        channels=list(CHANNELS),
        levels=LEVELS,
        **leaving_chart.shown(place),
    )


def _definition(stage: str) -> str:
    if stage == "potential":
        return say(_POTENTIAL, days=crm().settings.interest_days)
    return word("stage_definition", stage)


def _slice_label(place: Place) -> str:
    """Return what a number of the analysis stands for that the list is narrowed to."""
    filters = place.tab.filters
    if "reason" not in filters:
        return ""
    how, _, text = filters["reason"].partition(":")
    reason = word("end_kind", text) if how == "kind" else text if how == "text" else say("Other reasons")
    first = filters.get("month") or filters.get("from", "")
    return f"{reason} · {month(date.fromisoformat(first + '-01'))}" if first else reason


def _listed(place: Place, selection: Selection, everybody: int) -> Shown:
    own = own_sorts(crm(), place.tab)
    page = service.listed(crm(), place.search, place.sort, place.after, PAGE, own)
    size = service.counted(crm(), place.search).count if place.tab.filters else everybody
    return Shown(
        rows(place, page.ids),
        by_name(place),
        headings(place),
        size,
        selection,
        next=page.next or "",
        first=place.address(after=None) if place.after else "",
    )


@dataclass(frozen=True)
class Choice:
    """A filter as the form shows it."""

    name: str
    label: str
    options: list[tuple[str, str]]
    value: str


def _filters(place: Place) -> list[Choice]:
    offered = tab_filters.of_tab(crm(), place.tab.stage, place.tab.course)
    return [_choice(one, place) for one in offered if one.values or one.name == "query"]


def _choice(one: Filter, place: Place) -> Choice:
    if one.name == "query":
        options = [(str(row.id), row.name) for row in links.saved()]
    else:
        options = [(value, word(f"board_{one.name}", value)) for value in one.values]
    return Choice(one.name, word("board_filter", one.name), options, place.tab.filters.get(one.name, ""))
