"""Where the mail server is and how to reach it: the setting ``smtp_url``."""

import smtplib
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from crm_plugin.kernel.errors import BadInput


@dataclass(frozen=True)
class Server:
    """Where and how to connect, from the setting ``smtp_url``."""

    host: str
    port: int
    tls: bool
    """TLS from the first byte (``smtps://``); otherwise STARTTLS where the server offers it."""
    user: str = ""
    password: str = ""
    plain_login: bool = False
    """The password may go without TLS."""


class NotSafe(smtplib.SMTPException):
    """The server offers no TLS, or somebody on the way took its offer out: the password stays here."""


def server_of(url: str, plain_login: str = "no") -> Server:
    """Read ``smtp://user:password@host:587`` or ``smtps://…``.

    :param plain_login: ``yes``: a password may go without TLS.
    :raises BadInput: ``settings.bad_value``.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        expected = "an address such as smtp://user:password@mail.example:587"
        raise BadInput("settings.bad_value", name="smtp_url", value="(set)", expected=expected)
    tls = parts.scheme == "smtps"
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    port = port or (465 if tls else 587 if user else 25)
    return Server(parts.hostname, port, tls, user, password, plain_login == "yes")
