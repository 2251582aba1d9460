"""The people of a search as a list: columns, sorting, paging by key."""

from dataclasses import dataclass
from typing import Any

from flask import request

from crm_plugin.profiles.queries import PersonRow, people
from crm_plugin.segments import service
from crm_plugin.web.builder import Tree
from crm_plugin.web.guard import actor, crm
from crm_plugin.web.i18n import mark
from crm_plugin.web.searches import address

PAGE = 50


@dataclass(frozen=True)
class Column:
    """A column of the list; ``href`` sorts by it."""

    label: str
    href: str = ""
    sort: str = ""
    """``ascending`` or ``descending`` when the list is sorted by it now."""
    right: bool = False


@dataclass(frozen=True)
class Results:
    """A page of people."""

    rows: list[PersonRow]
    next: str
    first: str


_COLUMNS = (
    (mark("Name"), "display_name", False),
    (mark("Contact"), "", False),
    (mark("Registered"), "registered_at", False),
    (mark("Last active"), "last_active_at", False),
    (mark("Orders"), "paid_count", True),
    (mark("Spent"), "paid_total", True),
)
_DEFAULT = "-last_active_at"


def _sort() -> str:
    asked = request.args.get("sort", _DEFAULT)
    known = {name for _, name, _ in _COLUMNS if name}
    return asked if asked.removeprefix("-") in known else _DEFAULT


def found(tree: Tree, query_id: int | None) -> Results:
    """Return the page of people that the request asks for.

    :raises BadInput: when the search cannot be understood.
    """
    sort, after = _sort(), request.args.get("after") or None
    page = service.page(crm(), tree, actor=actor(), sort=sort, after=after, limit=PAGE)
    with crm().db.read() as session:
        rows = people(session, page.ids, contacts=actor().may("crm.contacts"))
    here: dict[str, Any] = {"query": query_id, "sort": None if sort == _DEFAULT else sort}
    return Results(
        rows,
        next=address(tree, **here, after=page.next) if page.next else "",
        first=address(tree, **here) if after else "",
    )


def columns(tree: Tree, query_id: int | None) -> list[Column]:
    """Return the columns with the addresses that sort by them; a second click turns the order."""
    sort = _sort()
    money = actor().may("crm.money")
    made = []
    for label, name, right in _COLUMNS:
        if name == "paid_total" and not money:
            continue
        now = sort.removeprefix("-") == name
        turned = name if now and sort.startswith("-") else f"-{name}"
        first = name if name == "display_name" and not now else turned
        made.append(
            Column(
                label,
                address(tree, query=query_id, sort=first) if name else "",
                ("descending" if sort.startswith("-") else "ascending") if now else "",
                right,
            )
        )
    return made
