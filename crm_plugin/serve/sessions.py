"""The session of the browser in front of the shell: a text in its cookie names a row of the database."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from flask import Response, g, request
from flask import session as cookie
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.kernel.credentials import accounts, sessions
from crm_plugin.kernel.credentials.sessions import Limits
from crm_plugin.kernel.settings import Settings

SIGNED_IN = "crm_session_id"
"""Key in the cookie of the text that names the session."""


def limits_of(settings: Settings) -> Limits:
    """Return how long a session lasts by the settings."""
    return Limits(timedelta(minutes=settings.session_idle_minutes), timedelta(hours=settings.session_hours))


@dataclass(frozen=True)
class BrowserSession:
    """The session of the request's browser."""

    crm: Crm

    @property
    def limits(self) -> Limits:
        """How long a session lasts."""
        return limits_of(self.crm.settings)

    def start(self, database: Session, login: str) -> None:
        """Begin a session in the caller's transaction: what the cookie held before is gone."""
        self._end(database)
        cookie.clear()
        cookie[SIGNED_IN] = sessions.start(database, login, self.limits, self.crm.clock())

    def account(self) -> accounts.Account | None:
        """Return whose session it is, None when it has ended."""
        text, now = self._text(), self.crm.clock()
        if not text:
            return None
        with self.crm.db.read() as database:
            found = sessions.find(database, text, self.limits, now)
            account = None if found is None else accounts.find(database, found.login)
        if found is not None and account is not None and not _by_itself() and sessions.is_due(found, now):
            g.crm_session_used = text
        return account

    def note_use(self, response: Response) -> Response:
        """Note after the answer was made that the session was used; a busy database loses one such note."""
        text = g.pop("crm_session_used", None)
        if text is not None and self._text() == text:
            with suppress(DBAPIError):
                self.crm.db.run(lambda database: sessions.note_use(database, text, self.crm.clock()), tries=1)
        return response

    def end(self, database: Session) -> str | None:
        """End the session everywhere, in the caller's transaction; return whose it was."""
        login = self._end(database)
        cookie.clear()
        return login

    def _end(self, database: Session) -> str | None:
        text = self._text()
        return sessions.end(database, text) if text else None

    def _text(self) -> str:
        text = cookie.get(SIGNED_IN)
        return text if isinstance(text, str) else ""


def _by_itself() -> bool:
    """Return whether a page asked without anybody at it: a live page must not keep a session alive."""
    return request.method == "GET" and request.headers.get("HX-Request") == "true"
