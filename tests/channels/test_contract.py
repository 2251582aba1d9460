"""What every carrier and channel keeps, whichever it is; a new one is a line in the lists here."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from aiosmtpd.controller import Controller

from crm_plugin.channels import service
from crm_plugin.channels.base import Carrier, Context, Message, Recipient, SmsText
from crm_plugin.channels.outbox import find, latest, listed
from crm_plugin.channels.private_message import HostCarrier
from crm_plugin.channels.registry import CARRIERS, CHANNELS, carrier_for
from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database, connect
from crm_plugin.kernel.errors import BadInput
from tests.channels.email.test_smtp import Sink, free_port
from tests.channels.sms.carriers.world import CODES, FAKES, settings_of
from tests.channels.sms.carriers.world import NAMES as SMS_CARRIERS
from tests.fakes.crm import make_crm
from tests.fakes.host import FakeHost
from tests.fakes.sms import Gateway, serve

SQLITE = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)


class Books:
    """A carrier and what arrived behind it."""

    def __init__(
        self, crm: Crm, host: FakeHost, sink: Sink, carrier: Carrier, gateway: Gateway | None
    ) -> None:
        self.crm, self.host, self.sink, self.carrier, self.gateway = crm, host, sink, carrier, gateway

    def message(self, number: int) -> Message:
        """Return a message that the carrier takes."""
        if self.gateway is None:
            return message(number)
        code = CODES.get(self.carrier.name)
        return message(number, address=self.address(number), template=code, params={"name": "x"})

    def address(self, number: int) -> str:
        """Return whom that message goes to."""
        return f"p{number}@a.example" if self.gateway is None else f"+8613800000{number:03}"

    def arrived(self) -> list[str]:
        """Return the addresses in order."""
        with self.crm.db.read() as session:
            written = [row.address for row in listed(session)]
        mails = [address for envelope in self.sink.got for address in envelope.rcpt_tos]
        texts = [] if self.gateway is None else [f"+86{to[-11:]}" for to, _ in self.gateway.taken]
        return written + mails + [message.person_id for message in self.host.messages] + sorted(texts)


@pytest.fixture(params=["outbox", "smtp", "host", *SMS_CARRIERS])
def books(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Iterator[Books]:
    pupils = [r.Person(f"p{n}@a.example") for n in range(5)]
    host, sink, port = FakeHost(*pupils), Sink(), free_port()
    controller = Controller(sink, hostname="127.0.0.1", port=port)
    controller.start()
    with ExitStack() as ends:
        ends.callback(controller.stop)
        gateway = ends.enter_context(serve(FAKES[request.param]())) if request.param in FAKES else None
        settings: dict[str, Any] = settings_of(request.param, gateway.url) if gateway else {}
        settings |= {"instance": str(tmp_path), "smtp_url": f"smtp://127.0.0.1:{port}"}
        crm = make_crm(database, host, **settings)
        carrier = CARRIERS[request.param](crm)
        ends.callback(carrier.close)
        yield Books(crm, host, sink, carrier, gateway)


def message(number: int, **changes: Any) -> Message:
    values = {"key": f"1-{number}", "person": f"p{number}@a.example", "address": f"p{number}@a.example"}
    return Message(
        **{**values, "subject": "S", "text": "T", "channel": "email", **changes},
        mime=lambda eight_bit: b"Subject: S\r\n\r\nT\r\n",
    )


def test_one_receipt_for_each_message_in_order(books: Books) -> None:
    messages = [books.message(n) for n in range(4)]
    receipts = books.carrier.submit(messages, lambda: True)
    assert [receipt.key for receipt in receipts] == [message.key for message in messages]
    assert {receipt.status for receipt in receipts} == {"accepted"}
    # Over several connections they need not arrive in that order.
    assert sorted(books.arrived()) == sorted(books.address(n) for n in range(4))
    assert books.carrier.submit([], lambda: True) == []


def test_nobody_is_called_when_nobody_may_be(books: Books) -> None:
    receipts = books.carrier.submit([books.message(1), books.message(2)], lambda: False)
    assert [receipt.status for receipt in receipts] == ["not_called", "not_called"]
    assert books.arrived() == []


def test_what_is_declared(books: Books) -> None:
    carrier = books.carrier
    assert carrier.name in CARRIERS
    assert 1 <= carrier.batch <= carrier.in_flight <= 100
    assert 0 < carrier.call_seconds <= 60
    if carrier.idempotent:
        for _ in range(2):
            assert carrier.submit([books.message(1)], lambda: True)[0].status == "accepted"
        assert books.arrived() == [books.address(1)]


def test_it_may_be_used_again_after_it_was_closed(books: Books) -> None:
    for number in (1, 2):
        assert books.carrier.submit([books.message(number)], lambda: True)[0].status == "accepted"
        books.carrier.close()
    assert len(books.arrived()) == 2


@SQLITE
def test_an_outbox_without_its_database_took_nothing(database: Database) -> None:
    crm = make_crm(database)
    carrier = carrier_for(crm, "sms")
    with patch.object(crm, "db", connect("sqlite:////nosuch/folder/x.db")):
        (receipt,) = carrier.submit([message(1)], lambda: True)
    assert (receipt.status, receipt.reason) == ("unavailable", "outbox_failed")


def test_the_outbox_keeps_a_message_as_it_would_have_been_sent(database: Database) -> None:
    crm = make_crm(database)
    one = message(
        1, campaign_id=7, html="<p>课</p>", links=["https://s.example/r/x"], channel="sms", person="9"
    )
    carrier_for(crm, "sms").submit([one, message(2, subject=None)], lambda: True)
    with crm.db.read() as session:
        (taken,) = listed(session, 7)
        assert (taken.person, taken.html, taken.links, taken.at) == ("9", "<p>课</p>", one.links, crm.clock())
        assert find(session, taken.id) == taken
        assert find(session, 999) is None
        assert [row.key for row in latest(session)] == ["1-2", "1-1"]
        assert [row.key for row in latest(session, channel="sms")] == ["1-1"]
        assert [row.key for row in latest(session, before=taken.id + 1)] == ["1-1"]
        assert listed(session, 7, after=taken.id) == []


@SQLITE
@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        (r.MessageReceipt("accepted", "m1"), "accepted", None),
        (r.MessageReceipt("rejected", reason="blocked"), "rejected", "blocked"),
        (r.MessageReceipt("unknown"), "unknown", "host_failed"),
        ("garbage", "unknown", "the school's host_send_message returned something that is no Mes"),
    ],
)
def test_what_the_school_says_of_a_message(
    database: Database, answer: Any, status: str, reason: str | None
) -> None:
    host = FakeHost()
    host.garbage("host_send_message", answer)
    (receipt,) = HostCarrier(make_crm(database, host)).submit([message(1)], lambda: True)
    assert (receipt.status, receipt.reason) == (status, reason)


@SQLITE
def test_a_school_that_failed_lately_is_not_called(database: Database) -> None:
    host = FakeHost()
    carrier = HostCarrier(make_crm(database, host))
    host.fail("host_send_message")
    first, second = carrier.submit([message(1), message(2)], lambda: True)
    assert (first.status, second.status) == ("unknown", "unavailable")
    assert second.retry_after
    assert host.called("host_send_message") == 1


@SQLITE
def test_each_channel_has_its_carrier(database: Database) -> None:
    crm = make_crm(database, FakeHost())
    names = {name: CHANNELS[name].carrier(crm) for name in CHANNELS}
    assert names == {"sms": "outbox", "email": "outbox", "message": "host"}
    assert carrier_for(crm, "sms") is carrier_for(crm, "email"), "kept for this process"
    assert CHANNELS["email"].carrier(make_crm(database, smtp_url="smtp://m.example")) == "smtp"
    assert CHANNELS["message"].carrier(make_crm(database)) == "outbox"
    assert CHANNELS["message"].carrier(make_crm(database, FakeHost(info=silent()))) == "outbox"
    failing = FakeHost()
    failing.fail("host_info")
    assert CHANNELS["message"].carrier(make_crm(database, failing)) == "host"


def silent() -> r.HostInfo:
    return r.HostInfo("quiet", "q-1", "Quiet School")


@SQLITE
def test_a_carrier_that_is_not_there_is_named(database: Database) -> None:
    with pytest.raises(BadInput) as refused:
        carrier_for(make_crm(database, sms_carrier="pigeon"), "sms")
    assert refused.value.code == "channel.unknown_carrier"


CONTENTS: dict[str, dict[str, Any]] = {
    "sms": {"template": "t"},
    "email": {"subject": "Hi {{ username }}", "html": "<p>{{ link }}</p>"},
    "message": {"subject": "Hi {{ username }}", "text": "See {{ link }}"},
}


@pytest.mark.parametrize("name", list(CHANNELS))
def test_what_every_channel_keeps(name: str) -> None:
    channel = CHANNELS[name]
    context = Context(
        "School", "en", "a@b.example", SmsText("t", "${username} ${link}", "marketing", "approved")
    )
    content = {**CONTENTS[name], "link": "https://a.example/"}
    assert channel.compile(content, "marketing", context).problems == []
    assert [
        problem.code for problem in channel.compile({**content, "link": ""}, "marketing", context).problems
    ] == ["content.no_link"]
    made = channel.compile(content, "marketing", context).ready()
    assert {"username", "link"} <= made.required <= made.variables
    values = {"username": "ann", "link": "https://s.example/r/x", "unsubscribe": "https://s.example/u/y"}
    found = made.render(Recipient("k", "7", "a@b.example", values, campaign_id=3))
    assert (found.key, found.person, found.channel, found.campaign_id) == ("k", "7", name, 3)
    assert found.links == ["https://s.example/r/x"]
    assert "https://s.example/r/x" in found.text
    for missing in made.required:
        with pytest.raises(BadInput):
            made.render(Recipient("k", "7", "a@b.example", {**values, missing: None}))


def test_the_context_comes_from_school_and_settings(database: Database) -> None:
    crm = make_crm(database, FakeHost(), public_url="https://s.example/crm")
    with crm.db.read() as session:
        context = service.context(crm, session, {"template": "win-back-en"})
        assert (context.site_name, context.sender) == ("Fake School", "no-reply@s.example")
        assert context.sms is not None
        assert context.sms.key == "win-back-en"
        assert context.max_chars == 1000
        bare = service.context(make_crm(database), session, {})
        assert (bare.site_name, bare.locale, bare.sms) == ("", "en", None)
        with pytest.raises(BadInput) as refused:
            service.compile_content(crm, session, "pigeon", {}, "marketing")
    assert refused.value.code == "campaign.unknown_channel"


def test_a_private_message_must_fit(database: Database) -> None:
    channel, context = CHANNELS["message"], Context(max_chars=10)
    codes = [problem.code for problem in channel.compile({"text": "x" * 11}, "service", context).problems]
    assert codes == ["content.too_many_letters"]
    assert [p.code for p in channel.compile({"text": ""}, "service", context).problems] == ["content.missing"]
    unsubscribing = channel.compile({"text": "{{ unsubscribe }}"}, "service", context).problems
    assert [(p.code, p.severe) for p in unsubscribing] == [("content.service_unsubscribe", False)]
