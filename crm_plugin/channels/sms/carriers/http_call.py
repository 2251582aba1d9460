"""One HTTP call to a carrier, and the question that decides everything: whether it can have arrived.

Nothing is tried again here: a call whose outcome is open is *in doubt*, and a person decides about it.
"""

import json
import logging
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.exceptions import InvalidHeader, InvalidSchema, InvalidURL, MissingSchema
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from crm_plugin.channels.sms.carriers import noted_lines
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.network.cut_off import CUT_OFF
from crm_plugin.kernel.network.web_address import parse
from crm_plugin.kernel.rare_warnings import RareWarnings

log = logging.getLogger(__name__)

CALL_SECONDS = 20.0
"""Time-out of one call, its connection included."""
REVIEW_SECONDS = 8.0
"""The same of a call that somebody waits for at a page: a text handed in, or asked about."""
_CONNECT_SECONDS = 5.0
_IDLE_SECONDS = 4.0
"""A connection unused for longer is made again: servers close idle ones, and a call into a closing one
would be in doubt for no reason."""
_LARGEST_ANSWER = 1_000_000
_LONGEST_WAIT = 86_400.0

_PLAINLY: dict[str, Any] = {"stream": True, "allow_redirects": False}
_NEVER_LEFT = (NewConnectionError, ConnectTimeoutError, ssl.SSLCertVerificationError)
_NEVER_MADE = (InvalidURL, InvalidSchema, MissingSchema, InvalidHeader)


class NotSent(Exception):
    """Nothing of the call can have arrived: there was no connection."""


class InDoubt(Exception):
    """The call may have arrived; ``args[0]`` is ``timeout`` or ``lost``."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a carrier answered."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    def document(self) -> Any:
        """Return the JSON document; None when it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def retry_after(self, now: datetime) -> float | None:
        """Return the seconds of a Retry-After header (RFC 9110 10.2.3), a day at most; None without one."""
        text = self.headers.get("Retry-After", "").strip()
        try:
            seconds = float(text) if text.isdigit() else (_date(text) - now).total_seconds()
        except (ValueError, OverflowError):
            return None
        return min(max(seconds, 1.0), _LONGEST_WAIT)


def _date(text: str) -> datetime:
    date = parsedate_to_datetime(text)
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)


class Wire:
    """Keeps connections to one carrier; each method call is one HTTP call. Threads may call side by side.

    :param seconds: time-out of a call, its connection included.
    """

    def __init__(self, seconds: float = CALL_SECONDS) -> None:
        self._seconds = seconds
        self._warnings = RareWarnings(log)
        self._idle: list[tuple[requests.Session, float]] = []
        """Sessions that nobody uses now, and when each was used last; a session serves one thread."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send one POST and read its answer; redirects are not followed.

        :raises NotSent: when no connection came about.
        :raises InDoubt: when anything failed after that.
        """
        return self._call("POST", url, body, headers)

    def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """Send one GET, likewise."""
        return self._call("GET", url, b"", headers)

    def _call(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        session = self._taken()
        deadline = time.monotonic() + self._seconds
        connect = min(_CONNECT_SECONDS, self._seconds / 2)
        times = (connect, self._seconds - connect)
        try:
            # A callable for auth keeps a .netrc of the machine from replacing our Authorization header.
            with (
                CUT_OFF.at(deadline, noted_lines.begin()),
                session.request(
                    *(method, url), data=body, headers=dict(headers), auth=_as_is, timeout=times, **_PLAINLY
                ) as response,
            ):
                answer = Answer(response.status_code, _read(response, deadline), response.headers)
        except (requests.RequestException, HTTPError, OSError) as error:
            session.close()
            self.close()
            # The kind of failure only: its words may hold the address, and with it a secret.
            kind = f"SMS carrier {urlsplit(url).hostname}: {type(error).__name__}"
            self._warnings.warn(kind, kind)
            if isinstance(error, _NEVER_MADE) or any(isinstance(one, _NEVER_LEFT) for one in _causes(error)):
                raise NotSent from None
            timeout = isinstance(error, requests.Timeout | TimeoutError)
            raise InDoubt("timeout" if timeout else "lost") from None
        self._idle.append((session, time.monotonic()))
        return answer

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        with suppress(IndexError):  # another thread may be quicker
            while True:
                self._idle.pop()[0].close()

    def _taken(self) -> requests.Session:
        """Return a session for one call; one that was idle for long is not trusted."""
        with suppress(IndexError):  # another thread may be quicker
            while True:
                session, used_at = self._idle.pop()
                if time.monotonic() - used_at <= _IDLE_SECONDS:
                    return session
                session.close()
        return noted_lines.session()


def _as_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _read(response: requests.Response, deadline: float) -> bytes:
    body = b""
    for piece in response.iter_content(8192):
        body += piece
        if len(body) > _LARGEST_ANSWER:
            raise requests.exceptions.ContentDecodingError("the answer is too large")
    if time.monotonic() >= deadline:  # what was cut off reads like a whole answer
        raise requests.Timeout("the answer takes too long")
    return body


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Return an exception and what it wraps; requests and urllib3 wrap by argument, reason and cause."""
    todo: list[Any] = [error]
    seen: set[int] = set()
    while todo:
        one = todo.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        todo += [*one.args, getattr(one, "reason", None), one.__cause__]


def web_address(name: str, url: str) -> str:
    """Return the address of a carrier without a slash at its end.

    :param name: of the setting that it comes from.
    :raises BadInput: ``settings.bad_value``; the value may hold a secret and is not shown.
    """
    try:
        good = not parse(url).user
    except ValueError:
        good = False
    if not good:
        expected = "a web address such as https://sms.example"
        raise BadInput("settings.bad_value", name=name, value="(set)", expected=expected)
    return url.rstrip("/")
