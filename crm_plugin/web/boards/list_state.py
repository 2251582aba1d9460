"""Where one is in a list of courses: filters, sort and page, as the address says it."""

from dataclasses import dataclass, replace
from typing import Any

from flask import url_for
from werkzeug.datastructures import MultiDict

from crm_plugin.boards.queries import OF_MONEY, SORTS, STATES, Wanted
from crm_plugin.kernel.storable import whole
from crm_plugin.web.shell.guard import actor

PAGE = 50
FILTERS = ("search", "category", "tag", "state")


@dataclass(frozen=True)
class ListState:
    """A place in the list of courses or classes.

    :param wanted: what is asked of the list.
    """

    wanted: Wanted

    @classmethod
    def read(cls, list: str, values: "MultiDict[str, str]") -> "ListState":
        """Read a place from an address or a form; what nobody offered counts as not said."""
        sort = values.get("sort", "title")
        name = sort.removeprefix("-")
        known = name in SORTS and (name not in OF_MONEY or actor().may("crm.money"))
        state = values.get("state", "")
        filters = {name: values.get(name, "").strip()[:191] for name in ("search", "category", "tag")}
        return cls(
            Wanted(
                list,
                **filters,
                state=state if state in STATES else "",
                sort=name if known else "title",
                descending=known and sort.startswith("-"),
                offset=min(values.get("offset", 0, type=whole), 1_000_000),
                limit=PAGE,
            )
        )

    @property
    def chosen(self) -> dict[str, str]:
        """The filters that are set."""
        return {name: value for name in FILTERS if (value := getattr(self.wanted, name))}

    def sorting(self) -> str:
        """Return the sort as an address says it."""
        return f"-{self.wanted.sort}" if self.wanted.descending else self.wanted.sort

    def address(self, **changes: Any) -> str:
        """Return the address of this place with changes."""
        values: dict[str, Any] = {**self.chosen, "sort": self.sorting(), **changes}
        values = {name: value for name, value in values.items() if value not in ("", 0, "title")}
        return url_for(f"crm.{self.wanted.list}", **values)

    def sorted_by(self, name: str) -> str:
        """Return the address that sorts by a column: people and money the most first, titles from A on."""
        first = name if name in ("title", "state") else f"-{name}"
        other = first.removeprefix("-") if first.startswith("-") else f"-{first}"
        return self.address(sort=other if self.sorting() == first else first)

    def direction(self, name: str) -> str:
        """Return how the list is sorted by a column now; empty when it is not."""
        if self.wanted.sort != name:
            return ""
        return "descending" if self.wanted.descending else "ascending"

    def whole(self) -> Wanted:
        """Return what is asked, without pages."""
        return replace(self.wanted, offset=0, limit=None)
