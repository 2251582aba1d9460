"""Why no connection came about is kept in English, and read in the reader's language."""

import smtplib
import ssl

import pytest

from crm_plugin.channels.email.smtp.connect_faults import fault_of, spoken
from crm_plugin.channels.email.smtp.server import Server

SERVER = Server("mail.school.example", 465, tls=False)


def _untrusted(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError()
    error.verify_code, error.verify_message = code, "some words"
    return error


FAULTS = [
    (smtplib.SMTPAuthenticationError(535, b"5.7.8 wrong"), "535 5.7.8 wrong"),
    (smtplib.SMTPAuthenticationError(454, b"4.7.0 later"), "454 4.7.0 later"),
    (smtplib.SMTPConnectError(554, b"go away {host}"), "554 go away {host}"),
    (smtplib.SMTPNotSupportedError("x"), "TLS"),
    (_untrusted(18), "SSL_CERT_FILE"),
    (_untrusted(20), "SSL_CERT_FILE"),
    (_untrusted(62), "mail.school.example"),
    (_untrusted(10), "some words"),
    (smtplib.SMTPServerDisconnected("please run connect() first"), "please run connect() first"),
    (ConnectionRefusedError(111, "Connection refused"), "smtps://"),
    (TimeoutError(), "TimeoutError"),
]


@pytest.mark.parametrize(("error", "part"), FAULTS, ids=lambda one: type(one).__name__)
def test_a_fault_that_was_kept_is_said_in_the_readers_language(error: Exception, part: str) -> None:
    kept = str(fault_of(error, SERVER))
    here = spoken(kept, "zh")
    assert here != kept
    assert part in here
    assert spoken(kept, "en") == kept
    assert len(kept) <= 255


@pytest.mark.parametrize("words", ["550 5.1.1 no such user", "", None])
def test_what_a_server_said_stays_as_it_is(words: str | None) -> None:
    assert spoken(words, "zh") == (words or "")
