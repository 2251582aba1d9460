"""The password of the mail server: it goes to nobody without TLS, unless the school has said so."""

import base64
import ssl
from pathlib import Path

import pytest

from crm_plugin.channels.email.smtp.carrier import SmtpCarrier
from crm_plugin.channels.email.smtp.probe import probe
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.settings import Settings
from tests.channels.email.test_probe import PLAIN, Owner, answering
from tests.channels.email.test_smtp import mail, outcomes, send
from tests.fakes.certificate import self_signed

SECRET = base64.b64encode(b"\0ann\0secret")
GREETED = (b"220 s\r\n", PLAIN)
TAKEN = (b"235 ok\r\n", *4 * (b"250 ok\r\n",), b"221 bye\r\n")


@pytest.mark.parametrize(
    "answers",
    [
        GREETED,
        (b"220 s\r\n", b"250-s\r\n250-XXXXXXXX\r\n250 AUTH PLAIN LOGIN\r\n"),  # STARTTLS, cut out on the way
        (b"220 s\r\n", b"250-s\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n", b"454 not now\r\n"),
    ],
)
def test_no_letter_of_it_goes_without_tls(answers: tuple[bytes, ...]) -> None:
    said: list[bytes] = []
    with answering(*answers, b"334 \r\n", b"235 ok\r\n", said=said) as port:
        carrier = SmtpCarrier(Owner(f"smtp://ann:secret@127.0.0.1:{port}"))
        (receipt,) = send(carrier, mail(1))
    told = b"".join(said)
    assert b"AUTH" not in told
    assert SECRET not in told
    assert outcomes([receipt]) == [("unavailable", receipt.reason)]


def test_doctor_and_the_row_say_why() -> None:
    with answering(*GREETED) as port:
        ok, words = probe(Owner(f"smtp://ann:secret@127.0.0.1:{port}"))  # type: ignore[arg-type]
    assert not ok
    assert "write smtps://, or set smtp_plain_login" in words
    with answering(*GREETED) as port:
        (receipt,) = send(SmtpCarrier(Owner(f"smtp://ann:secret@127.0.0.1:{port}")), mail(1))
    assert receipt.words == words


def test_it_goes_by_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", f"{file}.crt")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    said: list[bytes] = []
    with answering(*GREETED, *TAKEN, said=said, tls=context) as port:
        assert probe(Owner(f"smtps://ann:secret@localhost:{port}"))[0]  # type: ignore[arg-type]
    assert SECRET in b"".join(said)


def test_a_school_may_say_so() -> None:
    said: list[bytes] = []
    with answering(*GREETED, *TAKEN, said=said) as port:
        owner = Owner(f"smtp://ann:secret@127.0.0.1:{port}", smtp_plain_login="yes")
        assert probe(owner)[0]  # type: ignore[arg-type]
    assert SECRET in b"".join(said)
    with pytest.raises(BadInput, match="yes or no"):
        Settings(smtp_plain_login="maybe")


def test_without_a_password_nothing_changes() -> None:
    with answering(b"220 s\r\n", b"250 s\r\n", *4 * (b"250 ok\r\n",), b"221 bye\r\n") as port:
        assert probe(Owner(f"smtp://127.0.0.1:{port}"))[0]  # type: ignore[arg-type]
