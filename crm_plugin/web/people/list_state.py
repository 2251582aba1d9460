"""Where somebody is in a list of people: the segment, a part of it, the order, the page."""

from dataclasses import dataclass, replace
from typing import Any

from werkzeug.datastructures import MultiDict

from crm_plugin.campaigns.launch.reach import PART
from crm_plugin.kernel.storable import whole
from crm_plugin.segments.listing.paging import DEFAULT_SORT, SORTS
from crm_plugin.segments.listing.subsets import Part
from crm_plugin.segments.service import Search
from crm_plugin.web.segments import links
from crm_plugin.web.segments.builder.form import Tree

DAYS = 7
"""Proposed for leaving out who was marketed to lately."""
LONGEST = 99_999


@dataclass(frozen=True)
class Place:
    """A page of a list of people.

    :param channel: of the reach that is shown; empty = it is not.
    :param days: people who got marketing in so many days are left out of it.
    :param step: of the reach that the list is narrowed to; empty = everybody who matches.
    """

    search: Search
    query_id: int | None = None
    sort: str = DEFAULT_SORT
    after: str | None = None
    channel: str = ""
    days: int = DAYS
    step: str = ""

    @classmethod
    def read(cls, search: Search, values: MultiDict[str, str]) -> "Place":
        """Return the place that an address or a form names.

        :param search: as it was read from there.
        """
        sort = values.get("sort", "")
        days = values.get("days", DAYS, type=whole)
        return cls(
            search,
            query_id=values.get("query", type=whole),
            sort=sort if sort.removeprefix("-") in SORTS else DEFAULT_SORT,
            after=values.get("after") or None,
            channel=values.get("channel", ""),
            days=days if days <= LONGEST else DAYS,
            step=values.get("step", "") if values.get("channel") else "",
        )

    @property
    def tree(self) -> Tree:
        """The segment as a document."""
        found: Tree = self.search.document
        return found

    @property
    def part(self) -> Part:
        """The people of the list."""
        if not self.step:
            return Part(self.tree)
        narrowing = {"by": PART, "channel": self.channel, "days": self.days, "step": self.step}
        return Part(self.tree, narrowing)

    def address(self, **changes: Any) -> str:
        """Return the address of this place with some of it changed."""
        there = replace(self, **changes)
        return links.address(
            there.tree,
            query=there.query_id,
            sort=None if there.sort == DEFAULT_SORT else there.sort,
            after=there.after,
            channel=there.channel or None,
            days=there.days if there.channel else None,
            step=there.step or None,
        )
