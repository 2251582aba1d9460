"""Where somebody is on a board: the course, the tab with its filters, the order, the page."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from flask import url_for

from crm_plugin.boards.board import one_course, tab_filters
from crm_plugin.boards.board.tabs import TABS, Tab, sort_of
from crm_plugin.segments.listing.paging import SORTS
from crm_plugin.segments.service import Search
from crm_plugin.web.segments import links
from crm_plugin.web.shell.guard import actor, crm


@dataclass(frozen=True)
class Place:
    """A page of a tab's people."""

    tab: Tab
    search: Search
    sort: str
    after: str | None = None

    @classmethod
    def read(cls, course: str, values: Mapping[str, str]) -> "Place":
        """Return the place that an address or a form names.

        :raises NotFound: ``object.missing`` for a course outside the actor's.
        :raises BadInput: ``input.bad`` for a filter that the tab does not have.
        """
        with crm().db.read() as session:
            found = one_course.find(session, actor(), course)
        stage = values.get("stage", "")
        stage = stage if stage in TABS else TABS[0]
        filters = tab_filters.read(tab_filters.of_tab(crm(), stage, found), values)
        tab = Tab(found, stage, filters)
        sort = sort_of(tab, values.get("sort", ""), SORTS)
        return cls(tab, links.read(tab.tree), sort, values.get("after") or None)

    def address(self, **changes: Any) -> str:
        """Return the address of this place with some of it changed; a filter None is left out."""
        own = {key: changes.pop(key) for key in ("sort", "after") if key in changes}
        there = replace(self, **own)
        filters: dict[str, Any] = {**self.tab.filters, **changes}
        usual = sort_of(self.tab, "", SORTS)
        filters["sort"] = None if there.sort == usual else there.sort
        return url_for(
            "crm.board",
            course=self.tab.course.host_id,
            stage=self.tab.stage,
            after=there.after,
            **{key: value or None for key, value in filters.items()},
        )

    def other(self, stage: str) -> str:
        """Return the address of another tab, without filters."""
        return url_for("crm.board", course=self.tab.course.host_id, stage=stage)
