"""A base class for hosts written in Python: one method per stream instead of one hook for all."""

from typing import Any

from crm_plugin.host import records as r
from crm_plugin.host.hookspecs import hookimpl


class PythonHost:
    """Dispatches the stream hooks to methods named after the stream.

    A subclass writes ``scan_<stream>(after, limit)`` and ``fetch_<stream>(ids)`` for each stream that it
    lists, and where it has them ``mark_<stream>()``, ``changes_<stream>(mark, limit)`` and
    ``estimate_<stream>()``. The other hooks (``host_info``, ``host_current_actor``, ``host_url`` and the
    optional ones) are methods of the subclass marked with ``hookimpl``. A host that reads an SQL
    database subclasses :class:`crm_plugin.host.sql.SqlHost` and declares tables instead.
    """

    @hookimpl
    def host_scan(self, stream: str, after: str | None, limit: int) -> r.ScanPage:
        """Call ``scan_<stream>``."""
        page: r.ScanPage = self._method("scan", stream)(after, limit)
        return page

    @hookimpl
    def host_fetch(self, stream: str, ids: list[str]) -> r.FetchPage:
        """Call ``fetch_<stream>``."""
        page: r.FetchPage = self._method("fetch", stream)(ids)
        return page

    @hookimpl
    def host_mark(self, stream: str) -> str | None:
        """Call ``mark_<stream>``; None = this stream has no changes to follow."""
        method = getattr(self, f"mark_{stream}", None)
        return None if method is None else str(method())

    @hookimpl
    def host_changes(self, stream: str, mark: str, limit: int) -> r.ChangePage:
        """Call ``changes_<stream>``."""
        page: r.ChangePage = self._method("changes", stream)(mark, limit)
        return page

    @hookimpl
    def host_estimate(self, stream: str) -> int | None:
        """Call ``estimate_<stream>``; None = nobody knows."""
        method = getattr(self, f"estimate_{stream}", None)
        return None if method is None else method()

    def _method(self, verb: str, stream: str) -> Any:
        method = getattr(self, f"{verb}_{stream}", None)
        if method is None:
            raise LookupError(f"{type(self).__name__} has no {verb}_{stream}")
        return method
