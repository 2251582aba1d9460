"""A host made of a school's adapter and the shell's own answers: the signed-in person, and the pages."""

from typing import Any

from flask import session as cookie
from flask import url_for

from crm_plugin.host import records as r
from crm_plugin.host.hookspecs import HostSpec, hookimpl
from crm_plugin.kernel import accounts
from crm_plugin.kernel.db.engine import Database

SIGNED_IN = "crm_login"
"""Key of the session cookie that holds the login, and the stamp of its password."""

_SHELLS = ("host_mount", "host_layout")
"""Hooks on the school's own application, which is not here: the shell mounts and frames the pages itself."""


class ShellHost:
    """Answers the web hooks itself and hands all others to the adapter.

    :param adapter: the plug-in of a host in another language, which knows no web session.
    :param database: where the accounts are.
    """

    def __init__(self, adapter: object, database: Database) -> None:
        self._database = database
        for hook in (name for name in dir(HostSpec) if name.startswith("host_") and name not in _SHELLS):
            if not hasattr(type(self), hook) and hasattr(adapter, hook):
                setattr(self, hook, getattr(adapter, hook))
        self._adapter = adapter

    @hookimpl
    def host_current_actor(self, request: r.RequestFacts) -> r.Actor | None:
        """Return the account that signed in with this cookie."""
        login, stamp = cookie.get(SIGNED_IN) or ("", "")
        if not login:
            return None
        with self._database.read() as session:
            account = accounts.find(session, login)
        if account is None or accounts.stamp(account) != stamp:
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
