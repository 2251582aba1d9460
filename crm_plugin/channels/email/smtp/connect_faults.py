"""Why no connection to the mail server came about, in words that say what to do."""

import smtplib
import ssl

from crm_plugin.channels.email.smtp.replies import redacted
from crm_plugin.channels.email.smtp.server import Server
from crm_plugin.kernel.tls_faults import certificate_fault, is_plain

_IMPLICIT_TLS = 465
"""The port on which servers speak TLS from the first byte (RFC 8314)."""


def fault_of(error: Exception, server: Server) -> str:
    """Return what went wrong when connecting or signing in, in one line without secrets."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return _login(error)
    if isinstance(error, smtplib.SMTPResponseException):
        return f"the server refuses us ({_answer(error)})"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "the server takes no sign-in on this connection: is it the port for TLS?"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"no safe connection: {certificate_fault(error, f'{server.host}, which smtp_url says')}"
    if isinstance(error, ssl.SSLError):
        return f"no safe connection: {error.reason or error}{_no_tls(error, server)}"
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return f"the server hung up: {error}"
    hint = ": port 465 wants smtps://" if server.port == _IMPLICIT_TLS and not server.tls else ""
    return f"the server does not answer: {str(error) or type(error).__name__}{hint}"


def _login(error: smtplib.SMTPAuthenticationError) -> str:
    """A server that cannot check any password (RFC 4954: 454) says nothing about ours."""
    if error.smtp_code < 500:
        return f"the server cannot check the login now, right or wrong ({_answer(error)})"
    return f"the server refuses user and password ({_answer(error)})"


def _no_tls(error: ssl.SSLError, server: Server) -> str:
    return "; without TLS from the first byte, write smtp://" if server.tls and is_plain(error) else ""


def _answer(error: smtplib.SMTPResponseException) -> str:
    text = error.smtp_error
    return (
        f"{error.smtp_code} {redacted(text.decode('utf-8', 'replace') if isinstance(text, bytes) else text)}"
    )
