"""The hooks that a host answers; exactly one plug-in answers them (pluggy project ``crm``)."""

from typing import Any

import pluggy

from crm_plugin.host import records as r

PROJECT = "crm"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class HostSpec:
    """Every hook, with its arguments and what it must return.

    Required: ``host_info``, ``host_scan``, ``host_fetch``, ``host_current_actor``, ``host_url``.
    Hooks marked *web* are called inside a web request; all others only in a worker or command.
    A hook may take fewer arguments than its specification.
    """

    @hookspec(firstresult=True)
    def host_info(self) -> r.HostInfo:
        """Return the host's facts and capabilities. Cheap: it may be called at every start."""

    @hookspec(firstresult=True)
    def host_scan(self, stream: str, after: str | None, limit: int) -> r.ScanPage:
        """Return up to ``limit`` rows of a stream whose key comes after ``after``, in key order.

        Pages are lists, never generators. ``after`` is None for the first page and otherwise the
        ``next`` of an earlier page, perhaps from days ago: scanning resumes anywhere.
        """

    @hookspec(firstresult=True)
    def host_fetch(self, stream: str, ids: list[str]) -> r.FetchPage:
        """Return the named rows as they are now; ids that no longer exist are ``missing``."""

    @hookspec(firstresult=True)
    def host_mark(self, stream: str) -> str:
        """Return an opaque "now" of a stream: all that commits later is in the changes since it."""

    @hookspec(firstresult=True)
    def host_changes(self, stream: str, mark: str, limit: int) -> r.ChangePage:
        """Return what changed since a mark, at least once each.

        :raises MarkExpired: when the host no longer remembers that far back.
        """

    @hookspec(firstresult=True)
    def host_estimate(self, stream: str) -> int | None:
        """Return about how many rows a stream has (progress bars, reconcile alarm), or None."""

    @hookspec(firstresult=True)
    def host_current_actor(self, request: r.RequestFacts) -> r.Actor | None:
        """*Web.* Return who is at the screen; None = not signed in. An error is a refusal."""

    @hookspec(firstresult=True)
    def host_url(self, kind: str, id: str) -> str | None:
        """*Web.* Return the page of a ``person``, ``course``, ``class`` or ``order``, or ``login``."""

    @hookspec(firstresult=True)
    def host_layout(self, actor: r.Actor, page: r.LayoutPage) -> str | None:
        """*Web.* Return a whole HTML page with ours inside the host's admin layout; None = the CRM's."""

    @hookspec(firstresult=True)
    def host_mount(self, app: Any, pages: Any, menu: list[r.MenuEntry]) -> bool | None:
        """Mount the CRM's blueprint ``pages`` on the host's Flask ``app`` and take its menu entries.

        Called once. Return True when it is done; None lets the CRM mount it at ``/admin/crm``.
        """

    @hookspec(firstresult=True)
    def host_publish_pins(self, actor_id: str, pins: list[r.Pin]) -> bool | None:
        """Show these pinned quick queries on the home of that administrator, instead of earlier ones."""

    @hookspec(firstresult=True)
    def host_publish_figures(self, figures: list[r.Figure]) -> bool | None:
        """Show these key figures on the admin home instead of earlier ones, to those with the permission."""

    @hookspec(firstresult=True)
    def host_send_message(self, message: r.MessageRequest) -> r.MessageReceipt:
        """Deliver one private message to one person; never raises for a bad person: ``rejected``."""

    @hookspec(firstresult=True)
    def host_push_consent(
        self, person_id: str, channel: str, state: str, at: Any, reason: str
    ) -> bool | None:
        """Take note of an opt-out (``denied``) or opt-in (``granted``) that the CRM received."""

    @hookspec(firstresult=True)
    def host_subscribe(self, sink: Any) -> bool | None:
        """Connect the host's own signals to ``sink.emit(HostEvent)``, which only appends to a file."""

    @hookspec(firstresult=True)
    def host_create_person(self, lead: r.LeadConversion) -> str:
        """Make a person out of a lead and return the new id; the same ``key`` gives the same person."""

    @hookspec(firstresult=True)
    def host_check(self) -> list[tuple[str, bool, str]]:
        """Return (name, ok, detail) lines for the health page."""


REQUIRED = ("host_info", "host_scan", "host_fetch", "host_current_actor", "host_url")
"""Hooks without which a plug-in is no host."""
