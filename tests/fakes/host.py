"""An in-memory school with books of its own: answers every hook, and fails, hangs or lies when told to."""

import threading
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar

from crm_plugin.host import records as r
from crm_plugin.host.hookspecs import hookimpl

R = TypeVar("R")

ALL = frozenset(r.PERMISSIONS)


def staff(ident: str) -> r.Actor:
    """A colleague who may do everything, by the id that the audit log names."""
    return r.Actor(ident, ident, ALL)


EVERYTHING = {
    stream: tuple(f.name for f in fields(cls) if f.name != "attributes") for stream, cls in r.RECORDS.items()
}
"""The fields of a host that knows all of them; attributes are listed one by one."""
CAPABILITIES = (
    *(f"changes.{stream}" for stream in r.STREAMS),
    *("message", "layout", "pins", "figures", "consent.write", "convert"),
)


def host_info(attributes: Sequence[str] = (), **changes: Any) -> r.HostInfo:
    """Facts of a Chinese school that knows every stream and field, and these attributes; ``changes`` win."""
    persons = (*EVERYTHING["persons"], *(f"attributes.{name}" for name in attributes))
    facts: dict[str, Any] = {
        "host_name": "fake",
        "host_version": "1",
        "site_id": "fake-1",
        "site_name": "Fake School",
        "base_url": "http://school.example",
        "timezone": "Asia/Shanghai",
        "currency": "CNY",
        "region": "CN",
        "streams": r.STREAMS,
        "fields": EVERYTHING | {"persons": persons},
        "capabilities": CAPABILITIES,
        "message_max_chars": 1000,
    }
    return r.HostInfo(**facts | changes)


class FakeHost:
    """A school in memory; pass it to ``Gateway(FakeHost())``.

    ``put`` and ``remove`` change its books and leave a trace for ``host_changes`` unless ``silent``.
    ``calls`` lists (hook, arguments) in order; ``messages``, ``pins``, ``pushed``, ``created`` hold what
    the CRM gave. ``actor`` is who is signed in.

    :param records: what the school has at the start.
    :param info: facts that differ from :func:`host_info`.
    """

    def __init__(self, *records: r.Record, info: r.HostInfo | None = None) -> None:
        self.info = info or host_info()
        self.books: dict[str, dict[str, Any]] = {stream: {} for stream in r.STREAMS}
        self.trace: dict[str, list[str]] = {stream: [] for stream in r.STREAMS}
        self.forgotten: dict[str, int] = defaultdict(int)
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.messages: list[r.MessageRequest] = []
        self.pins: dict[str, list[r.Pin]] = {}
        self.figures: list[r.Figure] = []
        self.pushed: list[tuple[str, str, str, Any, str]] = []
        self.created: dict[str, str] = {}
        self.blocked: set[str] = set()
        self.actor: r.Actor | None = r.Actor("admin", "Ada Admin", ALL, locale="en")
        self.sink: Any = None
        self._faults: dict[str, Callable[[], Any]] = {}
        self._released = threading.Event()
        self._order: dict[str, list[str]] = {}
        self.put(*records, silent=True)

    # what a test does to the school

    def put(self, *records: r.Record, silent: bool = False) -> None:
        """Add or replace records; with ``silent`` no change is traced, as real hosts often do."""
        for record in records:
            stream = next(name for name, cls in r.RECORDS.items() if type(record) is cls)
            self.books[stream][record.id] = record
            self._changed(stream, record.id, silent)

    def remove(self, stream: str, *ids: str, silent: bool = False) -> None:
        """Delete rows."""
        for id in ids:
            del self.books[stream][id]
            self._changed(stream, id, silent)

    def get(self, stream: str, id: str) -> Any:
        """Return a row as the school holds it."""
        return self.books[stream][id]

    def forget_changes(self, stream: str) -> None:
        """Expire every mark taken so far."""
        self.forgotten[stream] = len(self.trace[stream]) + 1
        self.trace[stream].append("")

    def fail(self, hook: str, error: Exception | None = None) -> None:
        """Let a hook raise from now on."""

        def raising() -> Any:
            raise error or RuntimeError("the school is on fire")

        self._faults[hook] = raising

    def hang(self, hook: str, seconds: float) -> None:
        """Let a hook wait that long (or until :meth:`heal`) before it answers."""
        self._released.clear()

        def waiting() -> None:
            self._released.wait(seconds)

        self._faults[hook] = waiting

    def garbage(self, hook: str, value: Any = "garbage") -> None:
        """Let a hook return ``value`` from now on."""
        self._faults[hook] = lambda: value

    def heal(self, *hooks: str) -> None:
        """End all faults, or those of the named hooks."""
        for hook in hooks or tuple(self._faults):
            self._faults.pop(hook, None)
        self._released.set()

    def called(self, hook: str) -> int:
        """Return how often a hook was called."""
        return sum(name == hook for name, _ in self.calls)

    # the hooks

    @hookimpl
    def host_info(self) -> r.HostInfo:
        return self._answer("host_info", (), lambda: self.info)

    @hookimpl
    def host_scan(self, stream: str, after: str | None, limit: int) -> r.ScanPage:
        return self._answer("host_scan", (stream, after, limit), lambda: self._scan(stream, after, limit))

    @hookimpl
    def host_fetch(self, stream: str, ids: list[str]) -> r.FetchPage:
        return self._answer("host_fetch", (stream, tuple(ids)), lambda: self._fetch(stream, ids))

    @hookimpl
    def host_mark(self, stream: str) -> str:
        return self._answer("host_mark", (stream,), lambda: str(len(self.trace[stream])))

    @hookimpl
    def host_changes(self, stream: str, mark: str, limit: int) -> r.ChangePage:
        arguments = (stream, mark, limit)
        return self._answer("host_changes", arguments, lambda: self._changes(stream, int(mark), limit))

    @hookimpl
    def host_estimate(self, stream: str) -> int | None:
        return self._answer("host_estimate", (stream,), lambda: len(self.books[stream]))

    @hookimpl
    def host_current_actor(self, request: r.RequestFacts) -> r.Actor | None:
        return self._answer("host_current_actor", (), lambda: self.actor)

    @hookimpl
    def host_url(self, kind: str, id: str) -> str | None:
        return self._answer("host_url", (kind, id), lambda: f"{self.info.base_url}/{kind}/{id}")

    @hookimpl
    def host_layout(self, actor: r.Actor, page: r.LayoutPage) -> str | None:
        html = f"<html><head>{page.head}</head><body id=school>{page.body}</body></html>"
        return self._answer("host_layout", (actor.id, page.title), lambda: html)

    @hookimpl
    def host_mount(self, app: Any, pages: Any, menu: Sequence[r.MenuEntry]) -> bool | None:
        return self._answer("host_mount", (), lambda: None)

    @hookimpl
    def host_publish_pins(self, actor_id: str, pins: list[r.Pin]) -> bool | None:
        self.pins[actor_id] = list(pins)
        return self._answer("host_publish_pins", (actor_id,), lambda: True)

    @hookimpl
    def host_publish_figures(self, figures: list[r.Figure]) -> bool | None:
        self.figures = list(figures)
        return self._answer("host_publish_figures", (), lambda: True)

    @hookimpl
    def host_send_message(self, message: r.MessageRequest) -> r.MessageReceipt:
        return self._answer("host_send_message", (message.key,), lambda: self._deliver(message))

    @hookimpl
    def host_push_consent(
        self, person_id: str, channel: str, state: str, at: datetime, reason: str
    ) -> bool | None:
        self.pushed.append((person_id, channel, state, at, reason))
        return self._answer("host_push_consent", (person_id, channel, state), lambda: True)

    @hookimpl
    def host_subscribe(self, sink: Any) -> bool | None:
        self.sink = sink
        return self._answer("host_subscribe", (), lambda: True)

    @hookimpl
    def host_create_person(self, lead: r.LeadConversion) -> str:
        return self._answer("host_create_person", (lead.key,), lambda: self._create(lead))

    @hookimpl
    def host_check(self) -> list[tuple[str, bool, str]]:
        return self._answer("host_check", (), lambda: [("books", True, "in memory")])

    # how it works inside

    def _changed(self, stream: str, id: str, silent: bool) -> None:
        self._order.pop(stream, None)
        if not silent:
            self.trace[stream].append(id)

    def _answer(self, hook: str, arguments: tuple[Any, ...], work: Callable[[], R]) -> R:
        self.calls.append((hook, arguments))
        fault = self._faults.get(hook)
        value = fault() if fault else None
        return work() if value is None else value

    def _scan(self, stream: str, after: str | None, limit: int) -> r.ScanPage:
        ids = self._order.setdefault(stream, sorted(self.books[stream]))
        start = 0 if after is None else bisect_right(ids, after)
        page = ids[start : start + limit]
        more = start + limit < len(ids)
        return r.ScanPage([self.books[stream][id] for id in page], page[-1] if more else None)

    def _fetch(self, stream: str, ids: Sequence[str]) -> r.FetchPage:
        book: Mapping[str, Any] = self.books[stream]
        return r.FetchPage([book[id] for id in ids if id in book], [id for id in ids if id not in book])

    def _changes(self, stream: str, mark: int, limit: int) -> r.ChangePage:
        if mark < self.forgotten[stream]:
            raise r.MarkExpired(f"{stream} before {self.forgotten[stream]}")
        ids = self.trace[stream][mark : mark + limit]
        book = self.books[stream]
        changes = [r.Upsert(book[id]) if id in book else r.Delete(id) for id in ids]
        reached = mark + len(ids)
        return r.ChangePage(list(changes), str(reached), reached < len(self.trace[stream]))

    def _deliver(self, message: r.MessageRequest) -> r.MessageReceipt:
        if message.person_id not in self.books["persons"]:
            return r.MessageReceipt("rejected", reason="no such person")
        if message.person_id in self.blocked:
            return r.MessageReceipt("rejected", reason="blocked")
        if len(message.text) > (self.info.message_max_chars or len(message.text)):
            return r.MessageReceipt("rejected", reason="too long")
        self.messages.append(message)
        return r.MessageReceipt("accepted", f"m{len(self.messages)}")

    def _create(self, lead: r.LeadConversion) -> str:
        if lead.key not in self.created:
            self.created[lead.key] = f"lead-{lead.key}"
            self.put(
                r.Person(
                    self.created[lead.key], "active", lead.display_name, phone=lead.phone, email=lead.email
                )
            )
        return self.created[lead.key]
