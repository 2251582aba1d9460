"""Twilio: its published signature, one message a call, and what its codes mean."""

from typing import Any
from urllib.parse import parse_qs

import pytest
import responses

from crm_plugin.channels.sms.carriers.pushes import Report
from crm_plugin.channels.sms.carriers.twilio import TwilioCarrier, signature_of
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput
from tests.channels.sms.carriers.world import line, sent

SQLITE = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)


def yes() -> bool:
    return True


CALL = {"CallSid": "CA1234567890ABCDE", "Digits": "1234", "To": "+18005551212"}
PAGE = "https://mycompany.com/myapp.php?foo=1&bar=2"
TWICE = [
    ("Sid", "CA123"),
    ("SidAccount", "AC123"),
    ("Digits", "5678"),
    ("Digits", "1234"),
    ("Digits", "1234"),
]


def called_by(number: str) -> list[tuple[str, str]]:
    return list((CALL | {"Caller": number, "From": number}).items())


@pytest.mark.parametrize(
    ("url", "fields", "expected"),
    [
        (PAGE, called_by("+12349013030"), "0/KCTR6DLpKmkAf8muzZqo1nDgQ="),
        (PAGE, called_by("+14158675309"), "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (PAGE.replace(".com", ".com:443"), called_by("+14158675309"), "kvajT1Ptam85bY51eRf/AJRuM3w="),
        (PAGE, TWICE, "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
    ],
)
def test_the_published_signatures_come_out(url: str, fields: list[tuple[str, str]], expected: str) -> None:
    """The examples of the security guide and of Twilio's own library for Python."""
    assert signature_of("12345", url, fields) == expected


@SQLITE
@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"From": ["+15005550006"]}),
        ({"sms_twilio_from": "MG12"}, {"MessagingServiceSid": ["MG12"]}),
        (
            {"public_url": "https://s.example/crm/"},
            {"From": ["+15005550006"], "StatusCallback": ["https://s.example/crm/c/twilio/status"]},
        ),
    ],
)
def test_a_call_is_what_the_reference_asks_for(
    database: Database, settings: dict[str, Any], expected: dict[str, list[str]]
) -> None:
    with line("twilio", database, **settings) as here, responses.RequestsMock() as web:
        url = f"{here.gateway.url}/2010-04-01/Accounts/AC1/Messages.json"
        web.add("POST", url, status=201, json={"sid": "SM1", "status": "queued"})
        (receipt,) = here.carrier.submit([here.message(1)], yes)
        request, body = sent(web)
    assert (receipt.status, receipt.ref) == ("accepted", "SM1")
    assert parse_qs(body) == {
        "To": ["+8613800000001"],
        "Body": ["学员1，欢迎"],
        **expected,
    }
    assert request.headers["Authorization"] == "Basic QUMxOnR3aWxpby1zZWNyZXQ="


@SQLITE
@pytest.mark.parametrize(
    ("status", "document", "expected", "reason"),
    [
        (400, {"code": 21211}, "rejected", "bad_number:21211"),
        (400, {"code": 21610}, "rejected", "opted_out:21610"),
        (400, {"code": 21408}, "unavailable", "no_route:21408"),
        (400, {"code": 21612}, "unavailable", "no_route:21612"),
        (400, {"code": 21617}, "rejected", "bad_value:21617"),
        (401, {"code": 20003}, "unavailable", "carrier_login:20003"),
        (403, {}, "unavailable", "carrier_login:403"),
        (429, {"code": 20429}, "unavailable", "carrier_throttled:20429"),
        (429, "slow down", "unavailable", "carrier_throttled:429"),
        (400, {"code": 30002}, "unavailable", "carrier_balance:30002"),
        (400, {"code": 21606}, "unavailable", "carrier_refused:21606"),
        (404, {"code": 20404}, "unavailable", "carrier_refused:20404"),
        (500, {"code": 21211}, "unknown", "carrier_failed:21211"),
        (201, {}, "unknown", "carrier_garbage"),
        (201, {"sid": 7}, "unknown", "carrier_garbage"),
        (201, {"sid": "x" * 129}, "unknown", "carrier_garbage"),
        (201, {"sid": "SM1", "status": "failed", "error_code": 30005}, "rejected", "bad_number:30005"),
    ],
)
def test_what_an_answer_means(
    database: Database, status: int, document: object, expected: str, reason: str
) -> None:
    with line("twilio", database) as here:
        here.gateway.next = (status, document)
        (receipt,) = here.carrier.submit([here.message(1)], yes)
    assert (receipt.status, receipt.reason) == (expected, reason)


@SQLITE
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0", 1.0),
        ("9999999", 86_400.0),
        ("Sun, 15 Nov 2026 12:01:00 GMT", 60.0),
        ("Sun, 15 Nov 2020 12:01:00 GMT", 1.0),
        ("soon", 30.0),
        ("-5", 30.0),
    ],
)
def test_it_waits_as_long_as_it_is_told(database: Database, header: str, seconds: float) -> None:
    with line("twilio", database) as here, responses.RequestsMock() as web:
        url = f"{here.gateway.url}/2010-04-01/Accounts/AC1/Messages.json"
        web.add("POST", url, status=429, json={"code": 20429}, headers={"Retry-After": header})
        (receipt,) = here.carrier.submit([here.message(1)], yes)
    assert (receipt.status, receipt.retry_after) == ("unavailable", seconds)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("MessageSid=SM1&MessageStatus=delivered", [Report("SM1", "delivered")]),
        ("MessageSid=SM1&MessageStatus=failed&ErrorCode=30003", [Report("SM1", "failed_permanent", "30003")]),
        ("MessageSid=SM1&MessageStatus=undelivered", [Report("SM1", "failed_permanent")]),
        ("MessageSid=SM1&MessageStatus=sent", []),
    ],
)
def test_reports_are_read(body: str, expected: list[Report]) -> None:
    assert TwilioCarrier.push.read(body.encode()) == expected


@pytest.mark.parametrize("body", [b"", b"MessageStatus=delivered", b"\xff=1", b"&".join([b"a=1"] * 101)])
def test_reports_that_are_none_are_refused(body: bytes) -> None:
    with pytest.raises(BadInput):
        TwilioCarrier.push.read(body)
