"""Carriers that take everything at once, each in a process of its own: against them the sender shows.

Blocking sockets and one process a connection: a sink must never be what a benchmark waits for.
"""

import asyncio
import json
import multiprocessing
import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP

from crm_plugin.kernel.process import die_with_parent

_GREETING = b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
_ANSWERS = {b"EHLO": _GREETING, b"DATA": b"354 go on\r\n", b"QUIT": b"221 2.0.0 Bye\r\n"}
_TAKEN = b"250 2.0.0 Ok: queued as %d\r\n"
_LENGTH = re.compile(rb"(?i)content-length: *(\d+)")


@dataclass
class Sink:
    """A running sink."""

    port: int
    count: "Synchronized[int]"
    """Messages taken since it began."""
    last: "Synchronized[float]"
    """Monotonic time of the last one."""

    def took(self, number: int) -> None:
        """Note messages; called by the sink's own processes."""
        with self.count.get_lock():
            self.count.value += number
            self.last.value = time.monotonic()


@contextmanager
def smtp_sink(seconds: float = 0.0, book: Path | None = None) -> Iterator[Sink]:
    """Run an SMTP server that takes every message at next to no cost; it knows PIPELINING (RFC 2920).

    :param seconds: between commands and their answers, as with a server that is far away.
    :param book: a file that gets a line for each message: when it was taken, and to whom it goes.
    """
    with _running(partial(_serve, talk=partial(_talk_smtp, seconds=seconds, book=book))) as sink:
        yield sink


@contextmanager
def library_smtp_sink() -> Iterator[Sink]:
    """Run aiosmtpd: a server that really reads its mail, and is as fast as that lets it be."""
    with _running(_serve_aiosmtpd) as sink:
        yield sink


@contextmanager
def sms_sink(seconds: float) -> Iterator[Sink]:
    """Run a gateway of the generic HTTP carrier that takes every message.

    :param seconds: that it needs for a request, as one does that writes down what it takes.
    """
    with _running(partial(_serve, talk=partial(_talk_http, seconds=seconds))) as sink:
        yield sink


@contextmanager
def twilio_sink(seconds: float) -> Iterator[Sink]:
    """Run a carrier that takes one SMS a call, as Twilio does.

    :param seconds: that it needs for a call.
    """
    with _running(partial(_serve, talk=partial(_talk_twilio, seconds=seconds))) as sink:
        yield sink


@contextmanager
def _running(serve: Callable[[socket.socket, Sink], None]) -> Iterator[Sink]:
    context = multiprocessing.get_context("fork")
    with socket.create_server(("127.0.0.1", 0)) as server:
        sink = Sink(server.getsockname()[1], context.Value("q", 0), context.Value("d", 0.0))
        process = context.Process(target=serve, args=(server, sink))
        process.start()
    try:
        yield sink
    finally:
        process.terminate()
        process.join()


def _serve(server: socket.socket, sink: Sink, talk: Callable[[socket.socket, Sink], None]) -> None:
    die_with_parent(signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        connection, _ = server.accept()
        if os.fork() == 0:
            die_with_parent(signal.SIGKILL)
            server.close()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                talk(connection, sink)
            finally:
                os._exit(0)
        connection.close()


def _serve_aiosmtpd(server: socket.socket, sink: Sink) -> None:
    die_with_parent(signal.SIGKILL)
    handler = _Handler(sink)

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        await loop.create_server(lambda: SMTP(handler, loop=loop), sock=server)
        await asyncio.Event().wait()

    asyncio.run(serve())


class _Handler:
    """Takes what aiosmtpd has read."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    async def handle_DATA(self, _server: object, _session: object, _envelope: object) -> str:
        """Count a message."""
        self._sink.took(1)
        return f"250 2.0.0 Ok: queued as {self._sink.count.value}"


def _talk_smtp(connection: socket.socket, sink: Sink, seconds: float, book: Path | None) -> None:
    connection.sendall(b"220 sink\r\n")
    held, recipient = b"", b""
    written = os.open(book, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600) if book else None
    while True:
        lines, held = _lines(connection, held)
        recipient = next((line for line in lines if line[:4].upper() == b"RCPT"), recipient)
        answers = b"".join(map(_answer, lines))
        _wait(seconds)
        connection.sendall(answers)
        if lines[-1][:4].upper() == b"DATA":
            held = _text(connection, held, sink, seconds)
            if written is not None:
                address = recipient.partition(b"<")[2].partition(b">")[0]
                os.write(written, b"%.6f %s\n" % (time.time(), address))


def _wait(seconds: float) -> None:
    if seconds:  # a sleep of no time costs 60 µs
        time.sleep(seconds)


def _lines(connection: socket.socket, held: bytes) -> tuple[list[bytes], bytes]:
    """Return the whole command lines that are there, up to DATA, and what follows them."""
    while b"\r\n" not in held:
        held += _received(connection)
    before, _, rest = held.rpartition(b"\r\n")
    return before.split(b"\r\n"), rest


def _answer(line: bytes) -> bytes:
    return _ANSWERS.get(line[:4].upper(), b"250 2.1.0 Ok\r\n")


def _text(connection: socket.socket, held: bytes, sink: Sink, seconds: float) -> bytes:
    parts = [held]
    while not parts[-1].endswith(b"\r\n.\r\n"):
        parts.append(_received(connection))
        if len(parts[-1]) < 5:  # the end may have come in two pieces
            parts = [b"".join(parts)]
    _wait(seconds)
    sink.took(1)
    connection.sendall(_TAKEN % sink.count.value)
    return b""


def _talk_http(connection: socket.socket, sink: Sink, seconds: float) -> None:
    for body in _bodies(connection):
        messages = json.loads(body)["messages"]
        time.sleep(seconds)
        sink.took(len(messages))
        _reply(connection, b"200 OK", {"results": [_accepted(one) for one in messages]})


def _talk_twilio(connection: socket.socket, sink: Sink, seconds: float) -> None:
    for _body in _bodies(connection):
        time.sleep(seconds)
        sink.took(1)
        _reply(connection, b"201 Created", {"sid": f"SM{sink.count.value:032}"})


def _bodies(connection: socket.socket) -> Iterator[bytes]:
    """Yield the body of one request after the other."""
    held = b""
    while True:
        while b"\r\n\r\n" not in held:
            held += _received(connection)
        head, _, body = held.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        assert length, "the request names no length"
        while len(body) < int(length[1]):
            body += _received(connection)
        held = body[int(length[1]) :]
        yield body[: int(length[1])]


def _reply(connection: socket.socket, status: bytes, document: dict[str, Any]) -> None:
    answer = json.dumps(document).encode()
    start = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    connection.sendall(start % (status, len(answer)) + answer)


def _accepted(message: dict[str, Any]) -> dict[str, Any]:
    return {"key": message["key"], "status": "accepted", "id": f"m{message['key']}"}


def _received(connection: socket.socket) -> bytes:
    data = connection.recv(1 << 16)
    if not data:
        os._exit(0)
    return data
