"""A host made of a school's adapter and the shell's own answers: the signed-in person, and the pages."""

from typing import Any

from flask import url_for

from crm_plugin.host import records as r
from crm_plugin.host.hookspecs import HostSpec, hookimpl
from crm_plugin.serve.sessions import BrowserSession

OWN = ("host_current_actor", "host_url login")
"""Hooks that the shell answers itself."""
_SHELLS = ("host_mount", "host_layout")
"""Hooks on the school's own application, which is not here: the shell mounts and frames the pages itself."""


class ShellHost:
    """Answers the web hooks itself and hands all others to the adapter.

    :param adapter: the plug-in of a host in another language, which knows no web session.
    :param browser: the session of the browser that asks.
    """

    def __init__(self, adapter: object, browser: BrowserSession) -> None:
        self._browser = browser
        for hook in (name for name in dir(HostSpec) if name.startswith("host_") and name not in _SHELLS):
            if not hasattr(type(self), hook) and hasattr(adapter, hook):
                setattr(self, hook, getattr(adapter, hook))
        self._adapter = adapter

    @hookimpl
    def host_current_actor(self, request: r.RequestFacts) -> r.Actor | None:
        """Return the account whose session the browser has."""
        account = self._browser.account()
        if account is None:
            return None
        scope = None if account.scope is None else frozenset(account.scope)
        rights = frozenset(account.permissions)
        return r.Actor(account.login, account.display_name, rights, account.locale, None, scope)

    @hookimpl
    def host_url(self, kind: str, id: str) -> str | None:
        """Return the shell's login page, or the school's own page."""
        if kind == "login":
            return url_for("shell.login")
        theirs: Any = getattr(self._adapter, "host_url", None)
        return theirs(kind, id) if theirs else None
