"""Why no connection to the mail server came about, in words that say what to do, in the reader's language."""

import re
import smtplib
import ssl
from typing import Any

from crm_plugin.channels.email.smtp.replies import redacted
from crm_plugin.channels.email.smtp.server import NotSafe, Server
from crm_plugin.kernel.i18n import Text

_LOGIN_DOWN = Text("the server cannot check the login now, right or wrong ({answer})")
_LOGIN = Text("the server refuses user and password ({answer})")
_REFUSES = Text("the server refuses us ({answer})")
_NO_SIGN_IN = Text("the server takes no sign-in on this connection: is it the port for TLS?")
_NOT_SAFE = Text(
    "no safe connection: the server offers no TLS, so it does not get the password; write smtps://, or set "
    "smtp_plain_login"
)
_SELF_SIGNED = Text(
    "no safe connection: self-signed certificate; to trust your own CA, name its file in SSL_CERT_FILE, for "
    "every process of the CRM"
)
_SELF_SIGNED_CA = Text(
    "no safe connection: self-signed certificate in its chain; to trust your own CA, name its file in "
    "SSL_CERT_FILE, for every process of the CRM"
)
_UNKNOWN_CA = Text(
    "no safe connection: certificate of an unknown CA, or of one whose own certificate it does not send; to "
    "trust your own CA, name its file in SSL_CERT_FILE, for every process of the CRM"
)
_OTHER_NAME = Text("no safe connection: the certificate is for another name than {host}, which smtp_url says")
_PLAIN = Text("no safe connection: {reason}; without TLS from the first byte, write smtp://")
_UNSAFE = Text("no safe connection: {reason}")
_HUNG_UP = Text("the server hung up: {reason}")
_WANTS_TLS = Text("the server does not answer: {reason}: port 465 wants smtps://")
_SILENT = Text("the server does not answer: {reason}")

_CERTIFICATES = {
    18: _SELF_SIGNED,
    19: _SELF_SIGNED_CA,
    20: _UNKNOWN_CA,
    21: _UNKNOWN_CA,
    62: _OTHER_NAME,
    64: _OTHER_NAME,
}
"""OpenSSL's codes of certificates → words."""
_ALL = (
    _LOGIN_DOWN, _LOGIN, _REFUSES, _NO_SIGN_IN, _NOT_SAFE, _SELF_SIGNED, _SELF_SIGNED_CA, _UNKNOWN_CA,
    _OTHER_NAME, _PLAIN, _UNSAFE, _HUNG_UP, _WANTS_TLS, _SILENT,
)  # fmt: skip
_IMPLICIT_TLS = 465
"""The port on which servers speak TLS from the first byte (RFC 8314)."""
_LONGEST = 160
"""Letters of a server's answer or of an error, so that the whole is kept."""


def fault_of(error: Exception, server: Server) -> Text:
    """Return what went wrong when connecting or signing in, in one line without secrets."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        # A server that cannot check any password (RFC 4954: 454) says nothing about ours.
        return _filled(_LOGIN_DOWN if error.smtp_code < 500 else _LOGIN, answer=_answer(error))
    if isinstance(error, smtplib.SMTPResponseException):
        return _filled(_REFUSES, answer=_answer(error))
    if isinstance(error, NotSafe):
        return _NOT_SAFE
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return _NO_SIGN_IN
    if isinstance(error, ssl.SSLCertVerificationError):
        found = _CERTIFICATES.get(error.verify_code, _UNSAFE)
        return _filled(found, host=server.host, reason=error.verify_message)
    if isinstance(error, ssl.SSLError):
        return _filled(_PLAIN if server.tls and _is_plain(error) else _UNSAFE, reason=error.reason or error)
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return _filled(_HUNG_UP, reason=error)
    wants_tls = server.port == _IMPLICIT_TLS and not server.tls
    return _filled(_WANTS_TLS if wants_tls else _SILENT, reason=str(error) or type(error).__name__)


def spoken(words: str | None, locale: str) -> str:
    """Return kept words in a language, where they are our own of a fault; a server's are as it said them."""
    for fault in _ALL:
        match = _pattern(fault).fullmatch(words or "")
        if match is not None:
            return _filled(fault, **match.groupdict()).of(locale)
    return words or ""


def _filled(fault: Text, **blanks: Any) -> Text:
    known = {name: str(value)[:_LONGEST] for name, value in blanks.items() if f"{{{name}}}" in fault.key}
    return Text(fault.key, **known)


def _pattern(fault: Text) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.*)", re.escape(fault.key)))


def _is_plain(error: ssl.SSLError) -> bool:
    """Return whether the other side answered in plain text."""
    return (error.reason or "") in ("WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")


def _answer(error: smtplib.SMTPResponseException) -> str:
    text = error.smtp_error
    return (
        f"{error.smtp_code} {redacted(text.decode('utf-8', 'replace') if isinstance(text, bytes) else text)}"
    )
