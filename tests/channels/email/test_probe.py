"""``crm doctor`` and the mail server: one line for each way in which it does not take us."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from crm_plugin.channels.email.probe import probe
from crm_plugin.kernel.settings import Settings


class Owner:
    def __init__(self, url: str, **settings: Any) -> None:
        self.settings = Settings(smtp_url=url, mail_from="s@school.example", **settings)


@contextmanager
def answering(*answers: bytes) -> Iterator[int]:
    """A server that gives these answers, one to the connection and one to each line."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with server, server.accept()[0] as link, suppress(OSError):
            for answer in answers:
                link.sendall(answer)
                if not link.recv(4096):
                    return

    thread = threading.Thread(target=serve)
    thread.start()
    yield int(server.getsockname()[1])
    thread.join(timeout=10)


PLAIN = b"250-s\r\n250 AUTH PLAIN\r\n"


@pytest.mark.parametrize(
    ("answers", "ok", "detail"),
    [
        (
            (b"220 s\r\n", PLAIN, b"235 ok\r\n", b"221 bye\r\n"),
            True,
            "answers, without TLS, signed in as ann",
        ),
        ((b"220 s\r\n", PLAIN, b"535 5.7.8 wrong\r\n"), False, "refuses user and password (535 5.7.8 wrong)"),
        ((b"554 go away\r\n",), False, "refuses us (554 go away)"),
        ((b"220 s\r\n", b"250 s\r\n"), False, "is it the port for TLS?"),
        (
            (b"220 s\r\n", b"250-s\r\n250 STARTTLS\r\n", b"220 ok\r\n", b"no TLS here\r\n"),
            False,
            "no safe connection",
        ),
        ((), False, "does not answer"),
    ],
)
def test_each_failure_is_one_line(answers: tuple[bytes, ...], ok: bool, detail: str) -> None:
    with answering(*answers) as port:
        found = probe(Owner(f"smtp://ann:secret@127.0.0.1:{port}"))  # type: ignore[arg-type]
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
