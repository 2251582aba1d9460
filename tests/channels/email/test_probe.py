"""``crm doctor`` and the mail server: one line for each way in which it does not take us."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from crm_plugin.channels.email.smtp.probe import probe
from crm_plugin.kernel.settings import Settings
from tests.fakes.certificate import self_signed


class Owner:
    def __init__(self, url: str, **settings: Any) -> None:
        self.settings = Settings(smtp_url=url, mail_from="s@school.example", **settings)


@contextmanager
def answering(
    *answers: bytes, said: list[bytes] | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[int]:
    """A server that gives these answers, one to the connection and one to each line.

    :param said: takes the lines.
    """
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with server, server.accept()[0] as plain, suppress(OSError):
            link = tls.wrap_socket(plain, server_side=True) if tls else plain
            with link:
                talk(link)

    def talk(link: socket.socket) -> None:
        for answer in answers:
            link.sendall(answer)
            line = link.recv(4096)
            if not line:
                return
            if said is not None:
                said.append(line)

    thread = threading.Thread(target=serve)
    thread.start()
    yield int(server.getsockname()[1])
    thread.join(timeout=10)


PLAIN = b"250-s\r\n250 AUTH PLAIN\r\n"


@pytest.mark.parametrize(
    ("answers", "ok", "detail"),
    [
        (
            (b"220 s\r\n", PLAIN, b"235 ok\r\n", *4 * (b"250 ok\r\n",), b"221 bye\r\n"),
            True,
            "answers, without TLS, signed in as ann",
        ),
        (
            (
                b"220 s\r\n",
                b"250-s\r\n250-SIZE 10240000\r\n" + PLAIN[7:],
                b"235 ok\r\n",
                *4 * (b"250 ok\r\n",),
            ),
            True,
            "signed in as ann, takes messages of up to 10,240 kB",
        ),
        ((b"220 s\r\n", PLAIN, b"535 5.7.8 wrong\r\n"), False, "refuses user and password (535 5.7.8 wrong)"),
        (
            (b"220 s\r\n", PLAIN, b"454 4.7.0 Temporary authentication failure\r\n"),
            False,
            "cannot check the login now, right or wrong (454 4.7.0 Temporary authentication failure)",
        ),
        ((b"554 go away\r\n",), False, "refuses us (554 go away)"),
        ((b"220 s\r\n", b"250 s\r\n"), False, "is it the port for TLS?"),
        (
            (b"220 s\r\n", b"250-s\r\n250 STARTTLS\r\n", b"220 ok\r\n", b"no TLS here\r\n"),
            False,
            "no safe connection",
        ),
        ((), False, "hung up"),
        ((b"220 s\r\n", PLAIN, b"235 ok\r\n"), False, "hung up: at MAIL FROM"),
    ],
)
def test_each_failure_is_one_line(answers: tuple[bytes, ...], ok: bool, detail: str) -> None:
    with answering(*answers) as port:
        owner = Owner(f"smtp://ann:secret@127.0.0.1:{port}", smtp_plain_login="yes")
        found = probe(owner)  # type: ignore[arg-type]
    assert found[0] is ok
    assert detail in found[1]
    assert "\n" not in found[1]
    assert "secret" not in found[1]


def test_a_server_that_is_not_there_and_a_setting_that_is_none() -> None:
    with answering(b"220 s\r\n") as port:
        socket.create_connection(("127.0.0.1", port)).close()
    assert "does not answer" in probe(Owner(f"smtp://127.0.0.1:{port}"))[1]  # type: ignore[arg-type]
    odd = Owner("smtp://127.0.0.1:1", bounce_domain="no domain>")
    assert "bounce_domain" in probe(odd)[1]  # type: ignore[arg-type]


NO_LOGIN = b"554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied\r\n"


@pytest.mark.parametrize(
    ("hello", "mail", "rcpt", "ok", "detail"),
    [
        # A real Postfix that wants a login: doctor said ok, and 311 of 311 were refused.
        (PLAIN, b"250 ok\r\n", NO_LOGIN, False, "wants a login: write user and password into smtp_url"),
        (b"250 s\r\n", b"250 ok\r\n", NO_LOGIN, False, "on its port for clients (587)"),
        (PLAIN, b"530 5.7.0 Authentication required\r\n", b"", False, "refuses our sender s@school.example"),
        (PLAIN, b"250 ok\r\n", b"554 5.7.1 <x@y>: Relay access denied\r\n", False, "refuses a message to s@"),
        (PLAIN, b"250 ok\r\n", b"450 4.2.0 Greylisted\r\n", False, "s@school.example now (450 4.2.0 Greyl"),
        (PLAIN, b"250 ok\r\n", b"550 5.1.1 User unknown\r\n", True, "no mailbox s@school.example"),
        (PLAIN, b"250 ok\r\n", b"550 no\r\n", False, "refuses a message to s@school.example (550 no)"),
    ],
)
def test_what_a_server_refuses_before_any_text_is_said(
    hello: bytes, mail: bytes, rcpt: bytes, ok: bool, detail: str
) -> None:
    answers = (b"220 s\r\n", hello, mail, *([rcpt] if rcpt else []), b"250 ok\r\n", b"221 bye\r\n")
    with answering(*answers) as port:
        found = probe(Owner(f"smtp://127.0.0.1:{port}"))  # type: ignore[arg-type]
    assert found[0] is ok
    assert detail in found[1]


def test_it_names_both_our_addresses_and_gives_no_text() -> None:
    said: list[bytes] = []
    with answering(b"220 s\r\n", b"250 s\r\n", *5 * (b"250 ok\r\n",), said=said) as port:
        owner = Owner(
            f"smtp://127.0.0.1:{port}", notify_email="boss@far.example", bounce_domain="b.school.example"
        )
        assert probe(owner)[0]  # type: ignore[arg-type]
    assert [line.split(b":")[0].strip() for line in said[1:]] == [
        *(b"MAIL FROM", b"RCPT TO", b"RCPT TO", b"rset", b"quit"),
    ]
    assert b"<bounce+test@b.school.example>" in said[1]
    assert b"<s@school.example>" in said[2]
    assert b"<boss@far.example>" in said[3]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificate and key of a server ``localhost``, signed by itself."""
    return self_signed(tmp_path_factory.mktemp("tls"))


@contextmanager
def safe_server(certificate: Path) -> Iterator[int]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with answering(b"220 s\r\n", b"250 s\r\n", *3 * (b"250 ok\r\n",), tls=context) as port:
        yield port


def test_a_certificate_that_is_not_trusted_is_named_with_what_to_do(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with safe_server(certificate) as port:
        good, said = probe(Owner(f"smtps://localhost:{port}"))  # type: ignore[arg-type]
    assert not good
    assert "self-signed certificate; to trust your own CA, name its file in SSL_CERT_FILE" in said
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
    with safe_server(certificate) as port:
        assert probe(Owner(f"smtps://localhost:{port}"))[0]  # type: ignore[arg-type]
    with safe_server(certificate) as port:
        good, said = probe(Owner(f"smtps://127.0.0.1:{port}"))  # type: ignore[arg-type]
    assert not good
    assert "for another name than 127.0.0.1" in said


def test_tls_at_a_port_without_it_is_named() -> None:
    with answering(b"220 s\r\n") as port:
        found = probe(Owner(f"smtps://127.0.0.1:{port}"))  # type: ignore[arg-type]
    assert "write smtp://" in found[1]
