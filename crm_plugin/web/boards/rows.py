"""The people of a page of a tab, each with what matters there; read for all of them at once."""

from dataclasses import dataclass
from typing import Any

from crm_plugin.boards.board.columns.asked import Asked
from crm_plugin.boards.board.tabs import columns_of
from crm_plugin.kernel.i18n import Text
from crm_plugin.profiles.people import access
from crm_plugin.profiles.people.queries import PersonRow
from crm_plugin.web.boards.place import Place
from crm_plugin.web.shell.guard import actor, crm
from crm_plugin.web.shell.i18n import plain


@dataclass(frozen=True)
class Column:
    """A column of a tab; its cell is the macro of its key in ``templates/crm/boards/cells.html``.

    :param sort: the order that its heading sorts by.
    :param rises: what one looks for first: the soonest; else the latest and the most.
    """

    key: str
    label: Text
    sort: str = ""
    rises: bool = False
    money: bool = False


_PHONE = Column("phone", Text("Telephone", "column"))
_ACTIVE = Column("active", Text("Last active", "column"), "last_active_at")
COLUMNS: dict[str, tuple[Column, ...]] = {
    "potential": (
        Column("acts", Text("Acts of interest"), "acted"),
        Column("intention", Text("Intention")),
    ),
    "pending": (
        Column("since", Text("Placed", "order"), "ordered", rises=True),
        Column("closes", Text("Closes", "order"), "closes", rises=True),
        Column("amount", Text("Amount"), money=True),
    ),
    "upcoming": (
        Column("begins", Text("Begins"), "begins", rises=True),
        Column("expires", Text("Access ends")),
    ),
    "learners": (
        Column("progress", Text("Progress"), "progress"),
        Column("learned", Text("Last learned", "column"), "learned"),
        Column("expires", Text("Access ends"), "expires", rises=True),
    ),
    "left": (
        Column("ended", Text("Left", "column"), "ended"),
        Column("reason", Text("Reason")),
        Column("refunded", Text("Refunded", "column"), money=True),
    ),
    "expired": (Column("ended", Text("Access ran out"), "ended"),),
    "closed_unpaid": (
        Column("closed", Text("Closed", "column"), "closed"),
        Column("amount", Text("Amount"), money=True),
    ),
}
"""Tab → its columns, between the telephone and the last activity."""


@dataclass(frozen=True)
class Heading:
    """A heading of the list; ``href`` sorts by its column."""

    key: str
    label: str
    right: bool
    href: str = ""
    sort: str = ""


@dataclass(frozen=True)
class Row:
    """A person of a tab.

    :param has: what matters there, such as a :class:`~crm_plugin.boards.board.columns.seats.Seat`; None = the
        database has changed meanwhile, and nothing is there any more.
    """

    person: PersonRow
    has: Any


def rows(place: Place, ids: list[int]) -> list[Row]:
    """Return these people in their order.

    :param ids: our ids, of people that the tab's segment has found for the actor.
    """
    with crm().db.read() as session:
        people = access.rows(crm(), session, actor(), ids)
        asked = Asked(place.tab.course, ids, place.search.present)
        found = columns_of(session, place.tab, asked) if ids else {}
    return [Row(person, found.get(person.id)) for person in people]


def headings(place: Place) -> list[Heading]:
    """Return the headings of a tab after the name; amounts need ``crm.money``."""
    wanted = [_PHONE, *COLUMNS[place.tab.stage], _ACTIVE]
    return [_heading(one, place) for one in wanted if not one.money or actor().may("crm.money")]


def by_name(place: Place) -> Heading:
    """Return the heading of the names."""
    return _heading(Column("name", Text("Name", "column"), "display_name", rises=True), place)


def _heading(column: Column, place: Place) -> Heading:
    label = plain(column.label)
    if not column.sort:
        return Heading(column.key, label, column.money)
    now = place.sort.removeprefix("-") == column.sort
    falling = place.sort.startswith("-")
    rises = falling if now else column.rises
    href = place.address(sort=column.sort if rises else f"-{column.sort}", after=None)
    direction = ("descending" if falling else "ascending") * now
    return Heading(column.key, label, column.money, href, direction)
