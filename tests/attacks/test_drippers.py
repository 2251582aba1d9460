"""Servers of carriers that give their answers letter by letter: a call has one deadline."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from crm_plugin.channels.email.smtp import connection as smtp
from crm_plugin.channels.email.smtp.carrier import SmtpCarrier
from crm_plugin.channels.sms.carriers.http_call import InDoubt, Wire
from crm_plugin.kernel.network.cut_off import CutOff
from tests.channels.email.test_smtp import Owner, mail

DRIPS = ("greeting", "EHLO", "MAIL", "DATA", "text", "RSET")
"""Where a server begins to give its answer letter by letter."""


def test_a_server_that_drips_has_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "SECONDS", 0.5)
    monkeypatch.setattr(smtp, "GOODBYE_SECONDS", 0.2)
    with ThreadPoolExecutor(len(DRIPS)) as pool:
        found = dict(zip(DRIPS, pool.map(sent_to, DRIPS), strict=True))
    expected = dict.fromkeys(DRIPS, "unavailable") | {"text": "unknown", "RSET": "rejected"}
    assert {where: status for where, (status, _) in found.items()} == expected
    assert all(seconds < 2.0 for _, seconds in found.values())


def sent_to(where: str) -> tuple[str, float]:
    """What becomes of a message, and after how many seconds."""
    with dripping(where) as port:
        carrier: Any = SmtpCarrier(Owner(port))
        began = time.monotonic()
        (receipt,) = carrier.submit([mail(1)], lambda: True)
        carrier.close()
        return receipt.status, time.monotonic() - began


@contextmanager
def dripping(where: str) -> Iterator[int]:
    """A server that answers, and from one command on a letter at a time without an end."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_serve_dripping, args=(listening, where), daemon=True).start()
        yield listening.getsockname()[1]


def _serve_dripping(listening: socket.socket, where: str) -> None:
    with suppress(OSError):
        while True:
            line, _ = listening.accept()
            threading.Thread(target=_drip, args=(line, where), daemon=True).start()


def _drip(line: socket.socket, where: str) -> None:
    answers = {"EHLO": b"250 x\r\n", "MAIL": b"250 ok\r\n", "RCPT": b"250 ok\r\n", "DATA": b"354 go\r\n"}
    if where == "RSET":
        answers["RCPT"] = b"550 5.1.1 unknown\r\n"
    with suppress(OSError), line, line.makefile("rb") as said:
        begun = where == "greeting"
        if not begun:
            line.sendall(b"220 x\r\n")
        while not begun and (command := said.readline()):
            verb = command[:4].decode("latin-1").upper()
            begun = verb == where
            if not begun:
                line.sendall(answers.get(verb, b"250 ok\r\n"))
            if verb == "DATA" and not begun:
                while said.readline() not in (b".\r\n", b""):
                    pass
                begun = where == "text"
                if not begun:
                    line.sendall(b"250 ok\r\n")
        while begun:
            line.sendall(b"2")
            time.sleep(0.1)


def test_a_gateway_that_drips_has_one_deadline() -> None:
    with ThreadPoolExecutor(len(HEADS)) as pool:
        assert all(seconds < 2.0 for seconds in pool.map(called, HEADS))


def called(where: str) -> float:
    """After how many seconds a call is in doubt."""
    wire = Wire(0.5)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_gateway, args=(listening, where), daemon=True).start()
        began = time.monotonic()
        with pytest.raises(InDoubt, match=r"timeout|lost"):
            wire.post(f"http://127.0.0.1:{listening.getsockname()[1]}/", b"x", {})
        wire.close()
        return time.monotonic() - began


HEADS = {
    "head": b"HTTP/1.1 200 OK\r\nX-Long: ",
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 8000\r\n\r\n",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1f40\r\n",
    "end": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
}
"""What comes at once, before the rest comes letter by letter."""


def _gateway(listening: socket.socket, where: str) -> None:
    with suppress(OSError):
        line, _ = listening.accept()
        with line:
            line.recv(65536)
            line.sendall(HEADS[where])
            while True:
                line.sendall(b"x")
                time.sleep(0.05)


def test_a_child_cuts_no_line_of_its_parent() -> None:
    cut_off = CutOff()
    with cut_off.at(time.monotonic() + 60, None):
        child = os.fork()
        if not child:
            with cut_off.at(time.monotonic() + 60, None):
                os._exit(len(cut_off._lines))
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 1
