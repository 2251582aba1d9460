"""The carrier SMTP against a real sink, and against a server that misbehaves as it is told."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from crm_plugin.channels.base import Message, Receipt
from crm_plugin.channels.email.feedback.bounce_classification import kind_of
from crm_plugin.channels.email.smtp import connection as smtp
from crm_plugin.channels.email.smtp.carrier import SmtpCarrier
from crm_plugin.channels.email.smtp.server import server_of
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.settings import Settings

BODY = b"Subject: x\r\n\r\n.dot\r\n..two\r\nend\r\n"


class Owner:
    """As much of a CRM as the carrier asks for; one connection, as on a machine that is never busy."""

    def __init__(self, port: int, connections: int = 1) -> None:
        self.settings = Settings(
            smtp_url=f"smtp://127.0.0.1:{port}",
            mail_from="School <no-reply@school.example>",
            connections=f"smtp={connections}",
        )


def mail(number: int, address: str = "") -> Message:
    to = address or f"p{number}@a.example"
    return Message(f"k{number}", str(number), to, "x", "x", channel="email", mime=lambda eight_bit: BODY)


def send(
    carrier: SmtpCarrier, *messages: Message, may_call: Callable[[], bool] = lambda: True
) -> list[Receipt]:
    receipts = carrier.submit(messages, may_call)
    assert [receipt.key for receipt in receipts] == [message.key for message in messages]
    return receipts


def free_port() -> int:
    """Return a port that nobody listens on; the sink cannot choose one itself."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def outcomes(receipts: list[Receipt]) -> list[tuple[str, str | None]]:
    return [(receipt.status, receipt.reason) for receipt in receipts]


class Sink:
    """Takes everything and keeps it."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.peers: set[Any] = set()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.got.append(envelope)
        self.peers.add(session.peer)
        return f"250 2.0.0 Ok: queued as Q{len(self.got):04}"


@pytest.fixture
def sink() -> Iterator[tuple[Sink, SmtpCarrier]]:
    handler = Sink()
    port = free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    carrier = SmtpCarrier(Owner(port))
    try:
        yield handler, carrier
    finally:
        carrier.close()
        controller.stop()


def test_messages_arrive_whole_over_one_connection(sink: tuple[Sink, SmtpCarrier]) -> None:
    handler, carrier = sink
    receipts = send(carrier, *(mail(number) for number in range(5)))
    receipts += send(carrier, mail(9, "joe@例え.jp"))
    assert {receipt.status for receipt in receipts} == {"accepted"}
    assert [receipt.ref for receipt in receipts[:2]] == ["Q0001", "Q0002"]
    assert handler.got[0].content == BODY
    assert handler.got[0].mail_from == "no-reply@school.example"
    assert handler.got[5].rcpt_tos == ["joe@xn--r8jz45g.jp"]
    assert len(handler.peers) == 1


def test_a_message_with_a_return_path_of_its_own_is_sent_from_it(sink: tuple[Sink, SmtpCarrier]) -> None:
    handler, carrier = sink
    named = mail(1)
    named.return_path = "bounce+abc@b.example"
    send(carrier, named, mail(2))
    assert [one.mail_from for one in handler.got] == ["bounce+abc@b.example", "no-reply@school.example"]


@pytest.mark.parametrize(
    "domain", ["b .example", "b.example>", "b\r\nx", "@b.example", "b..example", "пример.example"]
)
def test_a_domain_that_cannot_stand_in_an_envelope_is_refused(domain: str) -> None:
    owner = Owner(25)
    owner.settings.bounce_domain = domain
    with pytest.raises(BadInput) as refused:
        SmtpCarrier(owner)
    assert refused.value.params["name"] == "bounce_domain"


def test_the_connection_is_made_anew_after_many_messages(
    sink: tuple[Sink, SmtpCarrier], monkeypatch: pytest.MonkeyPatch
) -> None:
    handler, carrier = sink
    monkeypatch.setattr(smtp, "PER_CONNECTION", 2)
    assert {receipt.status for receipt in send(carrier, *map(mail, range(5)))} == {"accepted"}
    assert len(handler.peers) == 3


def test_nobody_is_called_after_the_deadline(sink: tuple[Sink, SmtpCarrier]) -> None:
    handler, carrier = sink
    answers = iter([True, True, False])
    receipts = send(carrier, *map(mail, range(4)), may_call=lambda: next(answers))
    assert [receipt.status for receipt in receipts] == ["accepted", "accepted", "not_called", "not_called"]
    assert len(handler.got) == 2


def test_one_bad_address_harms_one_row(sink: tuple[Sink, SmtpCarrier]) -> None:
    handler, carrier = sink
    receipts = send(carrier, mail(1), mail(2, "a b@c\r\nRCPT TO:<x@y.z>"), mail(3))
    assert outcomes(receipts)[1] == ("rejected", "bad_address")
    assert [receipt.status for receipt in receipts] == ["accepted", "rejected", "accepted"]
    assert [envelope.rcpt_tos for envelope in handler.got] == [["p1@a.example"], ["p3@a.example"]]


CLOSE = "close"


class Scripted:
    """A server that answers each command as its script says; one script for each connection.

    A script maps EHLO, MAIL, RCPT, DATA, TEXT, RSET to an answer, or to ``CLOSE``: the connection is cut.
    """

    def __init__(self, *scripts: dict[str, str]) -> None:
        self.scripts = list(scripts)
        self.commands: list[str] = []
        self.texts = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._socket.close()
        self._thread.join(5)

    def _serve(self) -> None:
        for script in self.scripts:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            with peer, peer.makefile("rb") as lines:
                self._talk(peer, lines, script)

    def _talk(self, peer: socket.socket, lines: Any, script: dict[str, str]) -> None:
        peer.sendall(b"220 ready\r\n")
        for line in lines:
            verb = line.split(b" ")[0].strip().decode().upper()
            self.commands.append(verb)
            if verb == "EHLO":
                peer.sendall(script.get("EHLO", "250 hello").encode() + b"\r\n")
                continue
            if not self._answer(peer, script, verb, "354 go" if verb == "DATA" else "250 ok"):
                return
            if verb == "DATA" and script.get(verb, "354").startswith("354"):
                while (text := lines.readline()) not in (b".\r\n", b""):
                    pass
                self.texts += text != b""
                if not self._answer(peer, script, "TEXT", "250 ok"):
                    return
            if verb == "QUIT":
                return

    def _answer(self, peer: socket.socket, script: dict[str, str], verb: str, usual: str) -> bool:
        answer = script.get(verb, usual)
        if answer == CLOSE:
            return False
        peer.sendall(f"{answer}\r\n".encode())
        return not answer.startswith("421")


@contextmanager
def server(*scripts: dict[str, str], connections: int = 1) -> Iterator[tuple[Scripted, SmtpCarrier]]:
    found = Scripted(*scripts)
    carrier = SmtpCarrier(Owner(found.port, connections))
    try:
        yield found, carrier
    finally:
        carrier.close()
        found.stop()


@pytest.mark.parametrize(
    ("script", "status", "reason"),
    [
        ({"RCPT": "550 5.1.1 no such user"}, "rejected", "smtp_550_5.1.1"),
        ({"RCPT": "450 4.2.1 mailbox busy"}, "unavailable", "smtp_450_4.2.1"),
        ({"DATA": "554 no"}, "rejected", "smtp_554"),
        ({"DATA": "451 later"}, "unavailable", "smtp_451"),
        ({"TEXT": "552 5.2.2 mailbox full"}, "rejected", "smtp_552_5.2.2"),
        ({"TEXT": "451 4.3.0 try later"}, "unavailable", "smtp_451_4.3.0"),
        ({"MAIL": "550 not from you"}, "unavailable", "smtp_550"),
        ({"MAIL": "421 closing"}, "unavailable", "smtp_421"),
        ({"TEXT": CLOSE}, "unknown", "smtp_connection_lost"),
        ({"DATA": CLOSE}, "unavailable", "smtp_connection_lost"),
        ({"RCPT": CLOSE}, "unavailable", "smtp_connection_lost"),
        ({"MAIL": CLOSE}, "unavailable", "smtp_connection_lost"),
    ],
)
def test_each_failure_has_its_outcome_and_the_next_message_goes(
    script: dict[str, str], status: str, reason: str
) -> None:
    # The next message may go over the same connection (a plain refusal) or over a new one.
    with server(script, {}) as (_, carrier):
        (first,) = send(carrier, mail(1))
        assert (first.status, first.reason) == (status, reason)
        assert first.permanent == (status in ("rejected", "unknown"))
        if status == "unavailable":
            assert first.retry_after
        carrier.close()
        assert outcomes(send(carrier, mail(2))) == [("accepted", None)]


@pytest.mark.parametrize(("verb", "kind"), [("RCPT", "hard"), ("DATA", "refused"), ("TEXT", "refused")])
def test_who_reads_the_words_later_knows_that_the_text_was_refused(verb: str, kind: str) -> None:
    with server({verb: "550 5.1.1 user unknown " + "x" * 300}) as (_, carrier):
        (found,) = send(carrier, mail(1))
    assert found.status == "rejected"
    assert len(found.words) <= 255
    assert kind_of("5.1.1", found.words) == kind


def test_a_refused_address_does_not_cost_the_connection() -> None:
    with server({"RCPT": "550 no"}) as (found, carrier):
        receipts = send(carrier, mail(1), mail(2))
        assert {receipt.status for receipt in receipts} == {"rejected"}
        assert found.commands.count("EHLO") == 1
        assert found.commands.count("RSET") == 2


def test_a_kept_connection_that_was_closed_meanwhile_is_opened_again() -> None:
    with server({"TEXT": "250 ok", "QUIT": CLOSE}, {}) as (found, carrier):
        assert outcomes(send(carrier, mail(1))) == [("accepted", None)]
        (connection,) = carrier.lanes.lanes
        assert connection.link is not None
        assert connection.link.sock is not None
        connection.link.sock.shutdown(socket.SHUT_RDWR)  # as a server does that has waited too long
        assert outcomes(send(carrier, mail(2))) == [("accepted", None)]
        assert found.texts == 2


def test_without_a_server_nothing_was_sent_and_the_rest_is_not_tried() -> None:
    receipts = send(SmtpCarrier(Owner(free_port())), mail(1), mail(2))
    assert outcomes(receipts) == [("unavailable", "smtp_unreachable")] * 2


def test_a_server_that_says_nothing_is_left_after_the_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        carrier = SmtpCarrier(Owner(silent.getsockname()[1]))
        assert outcomes(send(carrier, mail(1))) == [("unavailable", "smtp_unreachable")]


@pytest.mark.parametrize(
    ("url", "port", "tls"),
    [
        ("smtp://mail.example", 25, False),
        ("smtp://u:p%40@mail.example", 587, False),
        ("smtps://u:p@mail.example", 465, True),
        ("smtp://mail.example:2525", 2525, False),
    ],
)
def test_addresses_of_servers(url: str, port: int, tls: bool) -> None:
    found = server_of(url)
    assert (found.host, found.port, found.tls) == ("mail.example", port, tls)
    assert "%" not in found.password


@pytest.mark.parametrize("url", ["", "mail.example", "http://mail.example", "smtp://", "smtp://a:99999"])
def test_bad_addresses_of_servers_are_refused_without_showing_them(url: str) -> None:
    with pytest.raises(BadInput) as refused:
        server_of(url)
    assert "99999" not in str(refused.value)


AT_ONCE = {"EHLO": "250-hello\r\n250 PIPELINING"}


def test_commands_are_given_at_once_where_the_server_takes_them() -> None:
    with server(AT_ONCE) as (found, carrier):
        assert {receipt.status for receipt in send(carrier, mail(1), mail(2))} == {"accepted"}
        assert found.texts == 2


@pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
def test_a_refusal_among_commands_given_at_once_sends_no_text(verb: str) -> None:
    refusing = {**AT_ONCE, verb: "550 5.1.1 nobody", "DATA": "554 no recipients"}
    with server(refusing) as (found, carrier):
        (receipt,) = send(carrier, mail(1))
        assert receipt.reason == "smtp_550_5.1.1"
        assert found.texts == 0
        assert found.commands == ["EHLO", "MAIL", "RCPT", "DATA", "RSET"]


def test_a_server_that_waits_for_a_text_all_the_same_is_hung_up_on() -> None:
    with server({**AT_ONCE, "RCPT": "550 5.1.1 nobody"}, AT_ONCE) as (found, carrier):
        receipts = send(carrier, mail(1), mail(2))
        assert outcomes(receipts) == [("rejected", "smtp_550_5.1.1"), ("accepted", None)]
        assert found.texts == 1


def test_a_server_that_says_goodbye_among_commands_given_at_once() -> None:
    with server({**AT_ONCE, "MAIL": "421 4.3.2 later"}) as (_, carrier):
        (receipt,) = send(carrier, mail(1))
        assert (receipt.status, receipt.reason) == ("unavailable", "smtp_421_4.3.2")


class Distant(Sink):
    """A server that is far away: each answer takes its time."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, _options: Any) -> str:
        await asyncio.sleep(self.seconds)
        envelope.rcpt_tos.append(address)
        return "250 ok"


def test_a_server_that_is_far_away_gets_several_connections() -> None:
    handler, port = Distant(0.05), free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    carrier = SmtpCarrier(Owner(port, connections=10))
    try:
        assert {one.status for one in send(carrier, *map(mail, range(2)))} == {"accepted"}
        began = time.monotonic()
        receipts = send(carrier, *map(mail, range(2, 42)))
        assert time.monotonic() - began < 40 * 0.05 * 0.7, "one connection takes two seconds"
        assert {one.status for one in receipts} == {"accepted"}
        assert len(handler.peers) == 10
        assert sorted(one.rcpt_tos for one in handler.got) == sorted([f"p{n}@a.example"] for n in range(42))
    finally:
        carrier.close()
        controller.stop()


def test_the_setting_says_how_many(sink: tuple[Sink, SmtpCarrier]) -> None:
    owner = Owner(25)
    owner.settings = Settings(smtp_url="smtp://127.0.0.1", connections="smtp=3 twilio=5")
    assert SmtpCarrier(owner).lanes.most == 3
    for bad in ("smtp=0", "smtp=x", "sm tp=3", "smtp=100"):
        with pytest.raises(BadInput, match="connections"):
            Settings(connections=bad)


def test_too_many_connections_make_fewer() -> None:
    crowded = {"MAIL": "421 4.7.0 too many connections from your host"}
    with server(crowded, crowded, {}, connections=10) as (_, carrier):
        carrier.lanes.wanted = 10
        (first,) = send(carrier, mail(1))
        assert (first.status, first.busy) == ("unavailable", True)
        assert carrier.lanes.allowed == 9
        send(carrier, mail(2))
        assert carrier.lanes.allowed < 9
        assert outcomes(send(carrier, mail(3))) == [("accepted", None)]
