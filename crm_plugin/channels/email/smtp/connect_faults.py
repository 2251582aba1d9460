"""Why no connection to the mail server came about, in words that say what to do."""

import smtplib
import ssl

from crm_plugin.channels.email.smtp.replies import redacted
from crm_plugin.channels.email.smtp.server import Server

_UNTRUSTED = {
    18: "self-signed certificate",
    19: "self-signed certificate in its chain",
    20: "certificate of an unknown CA, or of one whose own certificate it does not send",
    21: "certificate of an unknown CA, or of one whose own certificate it does not send",
}
"""OpenSSL's codes of certificates whose issuer is not trusted → words."""
_TRUST = "to trust your own CA, name its file in SSL_CERT_FILE, for every process of the CRM"
_OTHER_NAME = (62, 64)
"""OpenSSL's codes of certificates that are for another name or address."""
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
        return f"no safe connection: {_certificate(error, server)}"
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


def _certificate(error: ssl.SSLCertVerificationError, server: Server) -> str:
    words = _UNTRUSTED.get(error.verify_code)
    if words is not None:
        return f"{words}; {_TRUST}"
    if error.verify_code in _OTHER_NAME:
        return f"the certificate is for another name than {server.host}, which smtp_url says"
    return error.verify_message


def _no_tls(error: ssl.SSLError, server: Server) -> str:
    return "; without TLS from the first byte, write smtp://" if server.tls and _is_plain(error) else ""


def _is_plain(error: ssl.SSLError) -> bool:
    """Return whether the other side answered in plain text."""
    return (error.reason or "") in ("WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")


def _answer(error: smtplib.SMTPResponseException) -> str:
    text = error.smtp_error
    return (
        f"{error.smtp_code} {redacted(text.decode('utf-8', 'replace') if isinstance(text, bytes) else text)}"
    )
