"""The carriers of the kill test, each with books of its own that outlive whoever calls it."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from crm_plugin.channels.models import OutboxMessage
from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from tests.campaigns.fixtures import BOOKS, EVERYBODY
from tests.fakes.carrier import taken
from tests.fakes.host import FakeHost
from tests.fakes.sms import FakeHttp, serve

Taken = Callable[[Crm], list[str]]
MAIL = {"name": "Kill", "channel": "email", "audience": EVERYBODY, "subject": "Hi"}
MAIL |= {"text": "Hello {{ display_name }} {{ unsubscribe }}"}
TEXTED = {"name": "Kill", "channel": "sms", "audience": EVERYBODY, "template": "hello"}


@dataclass(frozen=True)
class Kind:
    """A carrier as the kill test sees it."""

    document: dict[str, Any]
    in_flight: int
    """Messages of one worker that may be in doubt."""
    per_kill: int
    """People that are there for each kill: the campaign must not be over before its workers have died."""


KINDS = {
    BOOKS: Kind(TEXTED, 20, 40),
    "outbox": Kind(TEXTED, 20, 150),
    "smtp": Kind(MAIL, 20, 100),
    "http": Kind(TEXTED, 100, 300),
    "host": Kind({**MAIL, "channel": "message", "text": "Hello {{ display_name }}"}, 1, 40),
}


class PostHost(FakeHost):
    """A school whose inbox is a file that survives its process."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file

    def _deliver(self, message: r.MessageRequest) -> r.MessageReceipt:
        with self.file.open("a") as books:
            books.write(f"{message.key} {message.person_id}\n")
        return r.MessageReceipt("accepted", message.key)


@contextmanager
def opened(kind: str, folder: Path) -> Iterator[tuple[dict[str, Any], Taken]]:
    """Open a carrier: the settings that lead to it, and what it took by its own books."""
    file = folder / "books.txt"
    if kind == "smtp":
        with _smtp() as (url, addresses):
            yield {"smtp_url": url}, lambda crm: list(addresses)
    elif kind == "http":
        with serve(FakeHttp()) as gateway:
            numbers = gateway.taken
            settings = {"sms_carrier": "http", "sms_http_url": gateway.url}
            yield settings, lambda crm: [number for number, _ in numbers]
    elif kind == "outbox":
        yield {"sms_carrier": "outbox"}, _outbox
    else:
        yield {"sms_carrier": BOOKS}, lambda crm: taken(file)


def _outbox(crm: Crm) -> list[str]:
    with crm.db.read() as session:
        return list(session.scalars(sa.select(OutboxMessage.address)))


@contextmanager
def _smtp() -> Iterator[tuple[str, list[str]]]:
    addresses: list[str] = []

    class Sink:
        async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
            addresses.extend(envelope.rcpt_tos)
            return "250 OK"

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(Sink(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield f"smtp://127.0.0.1:{controller.port}", addresses
    finally:
        controller.stop()
