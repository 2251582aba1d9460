"""The one way from the CRM to its host: every call is bounded, checked and, after failures, spaced out.

Nothing that a host does takes the CRM down: it raises, hangs or returns nonsense, and the caller gets
one :class:`~crm_plugin.kernel.errors.Unavailable`; single bad rows are set aside with a reason.
"""

import time
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crm_plugin.host import records as r
from crm_plugin.host.answer_checks import (
    actor_of,
    changes_problem,
    fetched_problem,
    info_problem,
    page_problem,
)
from crm_plugin.host.bounded_calls import Caller
from crm_plugin.host.page_calls import PageCalls
from crm_plugin.host.registration import registered
from crm_plugin.host.row_checks import Bad, check_rows, shown_id
from crm_plugin.kernel.clock import Clock, system_clock
from crm_plugin.kernel.errors import Unavailable
from crm_plugin.kernel.network.web_address import is_address, is_path
from crm_plugin.kernel.storable import cleaned

READ_AGAIN = 60.0
"""Seconds after which a process of pages looks for newer facts of the host."""

Change = r.Upsert | r.Delete | r.Touch


@dataclass(slots=True)
class Page:
    """A checked page of a scan."""

    rows: list[Any]
    next: str | None
    bad: list[Bad] = field(default_factory=list)


@dataclass(slots=True)
class Fetched:
    """Checked rows that were fetched by id; ``missing`` are gone. An id may be in neither."""

    rows: list[Any]
    missing: list[str]
    bad: list[Bad] = field(default_factory=list)


@dataclass(slots=True)
class Changes:
    """Checked changes since a mark."""

    changes: list[Change]
    next_mark: str
    more: bool
    bad: list[Bad] = field(default_factory=list)


class Gateway:
    """All calls to one host.

    :param plugin: an object with host hooks; None = there is no host, and every call says ``host.none``.
    :param budget: seconds for a call from a worker.
    :param web_budget: seconds after which a hook in a page counts as hanging.
    :param own: hooks of pages that our own code answers, as ``host_url login``: called without more ado.
    :raises Unavailable: the plug-in is no host (``host.not_a_host``).
    """

    def __init__(
        self,
        plugin: object | None,
        *,
        clock: Clock = system_clock,
        budget: float = 30.0,
        web_budget: float = 2.0,
        own: Collection[str] = (),
    ) -> None:
        self.plugin = plugin
        self._hooks = registered(plugin).hook if plugin is not None else None
        self._caller = Caller(clock, budget)
        self._pages = PageCalls(web_budget)
        self._own = frozenset(own)
        self._info: r.HostInfo | None = None
        self._stored: Callable[[], r.HostInfo | None] | None = None
        self._read_at = float("-inf")
        self._fields: dict[str, frozenset[str]] = {}
        self._chains: dict[str, tuple[list[str | None], str | None]] = {}

    # facts

    @property
    def info(self) -> r.HostInfo:
        """The host's facts: read once and kept; in a process of pages, the ones that a worker stored."""
        if self._stored is None:
            return self._info or self.refresh_info()
        if time.monotonic() - self._read_at >= READ_AGAIN:
            self._read_at = time.monotonic()
            self._take(self._stored() or self._info)
        if self._info is None:
            raise Unavailable("host.not_read")
        return self._info

    def remember(self, stored: Callable[[], r.HostInfo | None]) -> None:
        """Go by facts that a worker has stored, and never ask the host for them (a process of pages).

        :param stored: reads them, None = there are none yet; called when they are needed, at most once in
            :data:`READ_AGAIN` seconds. What was known before stays until there are some.
        """
        self._stored = self._stored or stored

    def refresh_info(self) -> r.HostInfo:
        """Ask the host for its facts again.

        :raises Unavailable: ``host.garbage`` also when they are those of another school than before.
        """
        info: r.HostInfo = self._call("host_info", "host_info")
        reason = info_problem(info)
        if reason is None and self._info is not None and info.site_id != self._info.site_id:
            reason = f"another school ({info.site_id!r}) than before ({self._info.site_id!r})"
        if reason is not None:
            raise self._caller.garbage("host_info", reason)
        self._caller.back_off.worked("host_info")
        self._take(info)
        return info

    def _take(self, info: r.HostInfo | None) -> None:
        if info is None:
            return
        self._fields = {stream: frozenset(names) for stream, names in info.fields.items()}
        self._info = info

    def knows(self, stream: str, field: str = "") -> bool:
        """Return whether the host lists a field: only then does None mean "known to be empty".

        :param field: empty asks for the stream.
        """
        return stream in self.info.streams and (not field or field in self._fields.get(stream, ()))

    def can(self, capability: str) -> bool:
        """Return whether the host claims a capability, for example ``changes.persons`` or ``message``."""
        return capability in self.info.capabilities

    # streams

    def scan(self, stream: str, after: str | None, limit: int) -> Page:
        """Return the page behind ``after`` (None = the first).

        :raises Unavailable: also when the pages go in a circle.
        """
        key = f"host_scan {stream}"
        page = self._call("host_scan", key, stream=stream, after=after, limit=limit)
        reason = page_problem(page, limit) or self._circle(stream, after, page.next)
        rows, bad = self._rows(key, stream, [] if reason else page.rows, reason)
        return Page(rows, page.next, bad)

    def fetch(self, stream: str, ids: Sequence[str]) -> Fetched:
        """Return the named rows as they are now."""
        key = f"host_fetch {stream}"
        page = self._call("host_fetch", key, stream=stream, ids=list(ids))
        asked = set(ids)
        reason = fetched_problem(page)
        rows, bad = self._rows(key, stream, [] if reason else page.rows, reason)
        found = {row.id for row in rows}
        missing = [id for id in page.missing if isinstance(id, str) and id in asked and id not in found]
        return Fetched([row for row in rows if row.id in asked], missing, bad)

    def mark(self, stream: str) -> str | None:
        """Return the host's "now" for a stream, or None where it has no changes to follow."""
        if not self.can(f"changes.{stream}"):
            return None
        key = f"host_mark {stream}"
        mark = self._call("host_mark", key, stream=stream)
        if mark is not None and (not isinstance(mark, str) or not mark):
            raise self._caller.garbage(key, "a mark that is no text")
        self._caller.back_off.worked(key)
        return mark

    def changes(self, stream: str, mark: str, limit: int) -> Changes:
        """Return what changed since a mark.

        :raises MarkExpired: the host has forgotten: a full scan is needed.
        """
        key = f"host_changes {stream}"
        page = self._call("host_changes", key, stream=stream, mark=mark, limit=limit)
        reason = changes_problem(page)
        if reason is None and page.more and page.next_mark == mark:
            reason = "more changes behind the very same mark"
        upserts = [] if reason else [change.row for change in page.changes if type(change) is r.Upsert]
        rows, bad = self._rows(key, stream, _latest(upserts), reason)
        good = {id(row) for row in rows}
        changes = [c for c in page.changes if type(c) is not r.Upsert or id(c.row) in good]
        return Changes(changes, page.next_mark, page.more, bad)

    def estimate(self, stream: str) -> int | None:
        """Return about how many rows a stream has; None when the host does not know."""
        key = f"host_estimate {stream}"
        number = self._call("host_estimate", key, stream=stream)
        if number is not None and (not isinstance(number, int) or isinstance(number, bool) or number < 0):
            raise self._caller.garbage(key, "an estimate that is no number of rows")
        self._caller.back_off.worked(key)
        return number

    # actions

    def send_message(self, message: r.MessageRequest) -> r.MessageReceipt:
        """Deliver one private message; never raises.

        A failure while the host had it is ``unknown``. Where the host was not called at all (no such
        capability, back-off) the status is ``unavailable``, and the message may be tried again.
        """
        key = "host_send_message"
        try:
            if not self.can("message"):
                return r.MessageReceipt("unavailable", reason="host.no_capability")
            self._caller.back_off.check(key)
        except Unavailable as error:
            return r.MessageReceipt("unavailable", reason=error.code)
        try:
            receipt = self._call(key, key, message=message)
        except Unavailable as error:
            return r.MessageReceipt("unknown", reason=str(error))
        if type(receipt) is not r.MessageReceipt or receipt.status not in ("accepted", "rejected", "unknown"):
            garbage = self._caller.garbage(key, "something that is no MessageReceipt")
            return r.MessageReceipt("unknown", reason=str(garbage))
        self._caller.back_off.worked(key)
        return receipt

    def push_consent(self, person_id: str, channel: str, state: str, at: datetime, reason: str) -> bool:
        """Give an opt-out or opt-in back; False when the host takes none."""
        facts = {"person_id": person_id, "channel": channel, "state": state, "at": at, "reason": reason}
        return self.can("consent.write") and self._done("host_push_consent", **facts)

    def publish_pins(self, actor_id: str, pins: Sequence[r.Pin]) -> bool:
        """Show pinned queries on that administrator's home; False when the host has no place for them."""
        return self.can("pins") and self._done("host_publish_pins", actor_id=actor_id, pins=list(pins))

    def publish_figures(self, figures: Sequence[r.Figure]) -> bool:
        """Show key figures on the school's home; False when the host has no place for them."""
        return self.can("figures") and self._done("host_publish_figures", figures=list(figures))

    def check(self) -> list[tuple[str, bool, str]]:
        """Return (name, ok, detail) lines for the health page: the host's own, and what failed lately."""
        lines: list[tuple[str, bool, str]] = []
        try:
            lines += map(_check_line, self._call("host_check", "host_check") or [])
            self._caller.back_off.worked("host_check")
        except (Unavailable, TypeError) as error:
            lines.append(("host", False, str(error)))
        trouble = self._caller.back_off.lines()
        return [*lines, ("gateway", not trouble, "; ".join(trouble) or "every hook answers")]

    # inside a page

    def current_actor(self, request: r.RequestFacts) -> r.Actor | None:
        """Return the person at the screen; None = not signed in.

        :raises Unavailable: the host cannot say; that is a refusal.
        """
        value = self._page("host_current_actor", _caller(request), request=request)
        try:
            return actor_of(value)
        except TypeError as error:
            raise Unavailable("host.garbage", hook="host_current_actor", reason=str(error)) from error

    def url(self, kind: str, id: str) -> str | None:
        """Return the host's page of a thing; None when it has none or fails."""
        try:
            value = self._page(f"host_url {kind}", None, kind=kind, id=id)
        except Unavailable:
            return None
        # Anything else, javascript: for one, has no place in a link of ours.
        return value if isinstance(value, str) and (is_path(value) or is_address(value)) else None

    def layout(self, actor: r.Actor, page: r.LayoutPage) -> str | None:
        """Return the page inside the host's layout; None = use the built-in one."""
        try:
            html = self._page("host_layout", actor.id, actor=actor, page=page)
        except Unavailable:
            return None
        # A layout that lost the page would show an empty frame.
        return html if isinstance(html, str) and page.body in html else None

    def mount(self, app: Any, pages: Any, menu: Sequence[r.MenuEntry]) -> bool:
        """Let the host mount the pages; False = nobody did."""
        try:
            return self._page("host_mount", None, app=app, pages=pages, menu=list(menu)) is True
        except Unavailable:
            return False

    def subscribe(self, sink: Any) -> bool:
        """Connect the host's own signals to ``sink.emit``; False = it has none."""
        try:
            return self._page("host_subscribe", None, sink=sink) is True
        except Unavailable:
            return False

    # how it works inside

    def _hook(self, name: str) -> Callable[..., Any]:
        if self._hooks is None:
            raise Unavailable("host.none")
        hook: Callable[..., Any] = getattr(self._hooks, name)
        return hook

    def _call(self, name: str, key: str, **arguments: Any) -> Any:
        hook = self._hook(name)
        return self._caller.worker(key, lambda: hook(**arguments))

    def _page(self, key: str, who: Hashable, **arguments: Any) -> Any:
        hook = self._hook(key.partition(" ")[0])
        if key in self._own:
            return hook(**arguments)
        return self._pages.call(key, who, lambda: hook(**arguments))

    def _done(self, name: str, **arguments: Any) -> bool:
        done = self._call(name, name, **arguments)
        self._caller.back_off.worked(name)
        return done is True

    def _rows(
        self, key: str, stream: str, rows: Sequence[Any], reason: str | None
    ) -> tuple[list[Any], list[Bad]]:
        try:
            if reason is not None:
                raise TypeError(reason)
            checked = check_rows(stream, rows)
        except TypeError as error:
            raise self._caller.garbage(key, str(error)) from None
        self._caller.back_off.worked(key)
        return checked

    def _circle(self, stream: str, after: str | None, following: str | None) -> str | None:
        """Notice when pages come round again; resuming at an earlier page is no circle."""
        chain, expected = self._chains.get(stream, ([], None))
        if after in chain:
            chain = chain[: chain.index(after)]
        elif after is None or after != expected:
            chain = []
        chain = [*chain, after]
        self._chains[stream] = chain, following
        return "pages that go in a circle" if following is not None and following in chain else None


def _check_line(line: Any) -> tuple[str, bool, str]:
    """Return a line of the host's checks; one that is none says so, and the others stay."""
    try:
        name, ok, detail = line
        return cleaned(str(name)), bool(ok), cleaned(str(detail))
    except Exception:
        return "host", False, "a check that is no name, answer and detail"


def _latest(rows: Sequence[Any]) -> list[Any]:
    """Of rows with one id keep the last: a row may change twice on a page of changes."""
    return list({shown_id(getattr(row, "id", None)): row for row in rows}.values())


def _caller(request: r.RequestFacts) -> Hashable:
    """Return what a request is known by before the host has said who it is; None = by nothing."""
    shown = (request.headers.get("Authorization", ""), *sorted(request.cookies.items()))
    return shown if any(shown) else None
