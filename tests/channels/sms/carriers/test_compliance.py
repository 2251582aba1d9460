"""What every SMS carrier keeps, against its counterpart on loopback; a new one is a line in ``world``."""

import hashlib
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
import requests
import responses

from crm_plugin.channels.registry import CARRIERS, capabilities_of, carrier_for
from crm_plugin.channels.sms.carriers.http_call import Answer, Wire
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput
from tests.channels.sms.carriers.world import NAMES, SECRETS, SETTINGS, Line, line, settings_of
from tests.fakes.crm import make_crm

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)


def yes() -> bool:
    return True


@pytest.fixture(params=NAMES)
def open_line(request: pytest.FixtureRequest, database: Database) -> Iterator[Line]:
    with line(request.param, database) as found:
        yield found


def test_it_takes_messages_and_answers_for_each_in_order(open_line: Line) -> None:
    messages = [open_line.message(number) for number in range(12)]
    receipts = open_line.carrier.submit(messages, yes)
    assert [receipt.key for receipt in receipts] == [message.key for message in messages]
    assert {receipt.status for receipt in receipts} == {"accepted"}
    assert len({receipt.ref for receipt in receipts} - {None}) == 12
    # One gateway works a call off backwards, and calls of one message are made side by side.
    assert sorted(open_line.numbers()) == sorted(message.address for message in messages)
    assert open_line.carrier.submit([], yes) == []


def test_a_bad_number_harms_nobody_else(open_line: Line) -> None:
    messages = [open_line.message(number) for number in range(9)]
    messages[4].address = "+0123"
    receipts = open_line.carrier.submit(messages, yes)
    assert [receipt.status for receipt in receipts] == ["accepted"] * 4 + ["rejected"] + ["accepted"] * 4
    assert receipts[4].permanent
    assert str(receipts[4].reason).startswith("bad_number")
    assert sorted(open_line.numbers()) == [
        message.address for message in messages if message.address != "+0123"
    ]


def test_nobody_is_called_without_leave(open_line: Line) -> None:
    messages = [open_line.message(number) for number in range(3)]
    receipts = open_line.carrier.submit(messages, lambda: False)
    assert [receipt.status for receipt in receipts] == ["not_called"] * 3
    assert open_line.gateway.calls == 0


def test_leave_is_asked_before_each_call(open_line: Line) -> None:
    size = open_line.carrier.batch
    messages = [open_line.message(number, params={"name": "x"}) for number in range(99)]
    messages += [
        open_line.message(n, f"+86139000000{n % 100:02d}", params={"name": "x"}) for n in range(99, 120)
    ]
    messages = messages[: size + 5]
    leaves = iter([True])
    receipts = open_line.carrier.submit(messages, lambda: next(leaves, False))
    assert [receipt.status for receipt in receipts] == ["accepted"] * size + ["not_called"] * 5
    assert open_line.gateway.calls == 1


def test_it_may_be_used_again_after_it_was_closed(open_line: Line) -> None:
    for number in (1, 2):
        (receipt,) = open_line.carrier.submit([open_line.message(number)], yes)
        assert receipt.status == "accepted"
        open_line.carrier.close()
        open_line.carrier.close()


def test_what_is_declared_holds(open_line: Line) -> None:
    declared = capabilities_of(open_line.name)
    assert open_line.carrier.batch == declared.batch
    several = 20 if declared.batch == 1 else declared.batch
    assert open_line.carrier.in_flight == several, "calls of one message are made side by side"
    assert open_line.carrier.idempotent is False, "none of them takes a key once"
    assert declared.receipts
    assert declared.link_mode == ("per_campaign" if declared.needs_template else "per_recipient")
    messages = [open_line.message(number) for number in range(10)]
    open_line.carrier.submit(messages, yes)
    alone = declared.batch == 1 or not declared.own_params
    assert open_line.gateway.calls == (10 if alone else 1)


def test_it_is_chosen_by_the_setting(open_line: Line) -> None:
    assert type(carrier_for(open_line.crm, "sms")) is type(open_line.carrier)


NONSENSE = [b"<html>", b"", b"[]", b"null", b'{"results": 1}', b"[" * 100_000]
REFUSED = {("twilio", b'{"results": 1}')} | {("http", body) for body in NONSENSE}


@pytest.mark.parametrize("status", [200, 201, 400, 500, 502])
@pytest.mark.parametrize("body", NONSENSE, ids=range(6))
def test_an_answer_that_makes_no_sense_leaves_the_outcome_open(
    open_line: Line, status: int, body: bytes
) -> None:
    # Only these two say "refused" by the status itself, Twilio where an object comes with it.
    refused = status == 400 and (open_line.name, body) in REFUSED
    open_line.gateway.next = (status, body)
    (receipt,) = open_line.carrier.submit([open_line.message(1)], yes)
    assert receipt.status == ("unavailable" if refused else "unknown")
    assert open_line.gateway.taken == []


@pytest.mark.parametrize("open_line", ["twilio"], indirect=True)
def test_calls_of_one_message_are_made_side_by_side_where_each_takes_long(open_line: Line) -> None:
    carrier = open_line.carrier
    going: list[str] = []
    most = 0

    def slow(url: str, body: bytes, headers: Any) -> Answer:
        nonlocal most
        going.append(url)
        most = max(most, len(going))
        time.sleep(0.05)
        going.pop()
        return Answer(201, json.dumps({"sid": "SM" + hashlib.md5(body).hexdigest()}).encode(), {})

    with patch.object(carrier, "_wire", SimpleNamespace(post=slow, close=lambda: None)):
        for start in (0, 20):
            messages = [open_line.message(number) for number in range(start, start + 20)]
            receipts = carrier.submit(messages, yes)
            assert [one.key for one in receipts] == [message.key for message in messages]
            assert {one.status for one in receipts} == {"accepted"}
    assert most == 10
    carrier.close()


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes calls and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("name", NAMES)
def test_a_call_without_an_answer_is_in_doubt_and_the_rest_is_not_called(
    database: Database, name: str, silent: str
) -> None:
    with line(name, database, **settings_of(name, silent)) as open_line, _quick(open_line):
        first = open_line.message(1)
        second = open_line.message(2, template="other" if first.template else None)
        receipts = open_line.carrier.submit([first, second], yes)
    together = name == "http"
    assert [receipt.status for receipt in receipts] == ["unknown", "unknown" if together else "unavailable"]
    assert {receipt.reason for receipt in receipts} == {"carrier_timeout"}


def _quick(open_line: Line) -> AbstractContextManager[object]:
    return patch.object(open_line.carrier, "_wire", Wire(seconds=0.3))


@pytest.mark.parametrize("name", NAMES)
def test_a_connection_that_is_cut_leaves_the_outcome_open(database: Database, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        cutter = threading.Thread(target=lambda: server.accept()[0].close(), daemon=True)
        cutter.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with line(name, database, **settings_of(name, url)) as open_line:
            (receipt,) = open_line.carrier.submit([open_line.message(1)], yes)
        cutter.join(5)
    assert (receipt.status, receipt.reason) == ("unknown", "carrier_lost")


@pytest.mark.parametrize("name", NAMES)
def test_a_carrier_that_is_not_there_took_nothing(database: Database, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    with line(name, database, **settings_of(name, url)) as open_line:
        (receipt,) = open_line.carrier.submit([open_line.message(1)], yes)
    assert (receipt.status, receipt.reason) == ("unavailable", "carrier_unreachable")
    assert receipt.retry_after


@pytest.mark.parametrize("name", NAMES)
def test_a_redirect_is_not_followed(database: Database, name: str) -> None:
    with line(name, database) as open_line, responses.RequestsMock() as web:
        web.add("POST", _address(open_line), status=302, headers={"Location": "https://thief.example/"})
        (receipt,) = open_line.carrier.submit([open_line.message(1)], yes)
        assert len(web.calls) == 1
    assert receipt.status in ("unavailable", "unknown")


def _address(open_line: Line) -> str:
    path = {"http": "/send", "twilio": "/2010-04-01/Accounts/AC1/Messages.json"}.get(open_line.name, "/")
    return open_line.gateway.url + path


@pytest.mark.parametrize("name", NAMES)
def test_no_secret_is_told(database: Database, name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with line(name, database) as open_line:
        open_line.carrier.submit([open_line.message(1)], yes)
        with responses.RequestsMock() as web:
            web.add("POST", _address(open_line), body=requests.ConnectionError(*SECRETS))
            receipts = open_line.carrier.submit([open_line.message(2)], yes)
        told = repr(open_line.carrier) + repr(vars(open_line.carrier)["_wire"]) + repr(receipts) + caplog.text
        shown = repr(open_line.crm.settings.shown())
    assert receipts[0].status == "unknown"
    assert not [secret for secret in SECRETS if secret in told + shown]


@pytest.mark.parametrize(
    ("name", "setting"), [(name, setting) for name in NAMES for setting in SETTINGS[name]]
)
def test_a_missing_setting_is_named(database: Database, name: str, setting: str) -> None:
    settings: dict[str, Any] = {**settings_of(name), setting: ""}
    if setting == "sms_http_token":
        CARRIERS[name](make_crm(database, **settings))
        return
    with pytest.raises(BadInput) as refused:
        CARRIERS[name](make_crm(database, **settings))
    assert (refused.value.code, refused.value.params["name"]) == ("settings.missing", setting)


def test_a_probe_tells_whether_it_answers_and_sends_nothing(open_line: Line) -> None:
    assert open_line.carrier.probe() is None  # type: ignore[attr-defined]
    assert (open_line.gateway.taken, open_line.gateway.calls) == ([], 1)


@pytest.mark.parametrize("name", NAMES)
def test_a_probe_says_what_is_wrong(database: Database, name: str) -> None:
    keys = {"http": "sms_http_token", "aliyun": "sms_aliyun_key_secret", "twilio": "sms_twilio_token"}
    wrong = {keys.get(name, "sms_tencent_secret_key"): "guessed"}
    with line(name, database) as right, line(name, database, **wrong) as found:
        assert found.carrier.probe().kind == "carrier_login"  # type: ignore[attr-defined]
        right.gateway.next = (503, {})
        assert right.carrier.probe().kind in ("carrier_failed", "carrier_garbage")  # type: ignore[attr-defined]
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    with line(name, database, **settings_of(name, url)) as nobody:
        assert nobody.carrier.probe().kind == "carrier_unreachable"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "url", ["ftp://x.example", "x.example", "http://u:p@x.example", "http://x y", "http://["]
)
def test_a_bad_address_is_refused_without_showing_it(database: Database, url: str) -> None:
    with pytest.raises(BadInput) as refused:
        CARRIERS["http"](make_crm(database, sms_http_url=url))
    assert refused.value.code == "settings.bad_value"
    assert url not in str(refused.value)
