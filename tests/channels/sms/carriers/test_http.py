"""Generic HTTP: the wire format that gateways are written against."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import responses

from crm_plugin.channels.sms.carriers.generic_http import HttpCarrier
from crm_plugin.channels.sms.carriers.pushes import MOST, Report
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput
from tests.channels.sms.carriers.world import line, sent

SQLITE = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)


def yes() -> bool:
    return True


@SQLITE
@pytest.mark.parametrize("token", ["", "t"])
def test_a_call_is_what_the_page_says(database: Database, token: str) -> None:
    with line("http", database, sms_http_token=token) as here, responses.RequestsMock() as web:
        result = {"key": "1-1", "status": "accepted", "id": 17}
        web.add("POST", f"{here.gateway.url}/send", json={"results": [result]})
        (receipt,) = here.carrier.submit([here.message(1)], yes)
        request, body = sent(web)
    assert (receipt.status, receipt.ref) == ("accepted", "17")
    message = {"key": "1-1", "to": "+8613800000001", "text": "学员1，欢迎"}
    assert json.loads(body) == {"messages": [message]}
    assert request.headers.get("Authorization") == (f"Bearer {token}" if token else None)


OK = {"key": "1-1", "status": "accepted", "id": "a"}


@SQLITE
@pytest.mark.parametrize(
    ("results", "status"),
    [
        ([OK], "accepted"),
        ([{"key": "1-1", "status": "accepted"}], "accepted"),
        ([{**OK, "id": "x" * 129}], "accepted"),
        ([{**OK, "status": "rejected", "code": "no <number>"}], "rejected"),
        ([OK, {"key": "9-9", "status": "accepted"}], "accepted"),
        ([OK, OK], "unknown"),
        ([OK, {**OK, "status": "rejected"}], "unknown"),
        ([{**OK, "status": "Accepted"}], "unknown"),
        ([{**OK, "status": ["accepted"]}], "unknown"),
        ([{**OK, "key": 1}], "unknown"),
        ([None], "unknown"),
        ([], "unknown"),
        ({"1-1": "accepted"}, "unknown"),
    ],
)
def test_a_result_counts_when_it_is_the_only_one(database: Database, results: object, status: str) -> None:
    with line("http", database) as here:
        here.gateway.next = (200, {"results": results})
        (receipt,) = here.carrier.submit([here.message(1)], yes)
    assert receipt.status == status
    if status == "rejected":
        assert receipt.reason == "bad_number:nonumber", "no letters that pages would have to fear"
    if status == "accepted":
        assert receipt.ref in ("a", None)


@SQLITE
@pytest.mark.parametrize(
    ("status", "header", "expected", "reason"),
    [
        (401, None, "unavailable", "carrier_login:401"),
        (402, None, "unavailable", "carrier_balance:402"),
        (403, None, "unavailable", "carrier_login:403"),
        (404, None, "unavailable", "carrier_refused:404"),
        (413, None, "unavailable", "carrier_refused:413"),
        (429, "9", "unavailable", "carrier_throttled:429"),
        (503, "9", "unavailable", "carrier_throttled:503"),
        (503, None, "unknown", "carrier_failed:503"),
        (504, None, "unknown", "carrier_failed:504"),
        (202, None, "unknown", "carrier_failed:202"),
    ],
)
def test_what_a_status_means(
    database: Database, status: int, header: str | None, expected: str, reason: str
) -> None:
    headers = {"Retry-After": header} if header else {}
    with line("http", database) as here, responses.RequestsMock() as web:
        web.add("POST", f"{here.gateway.url}/send", status=status, headers=headers)
        (receipt,) = here.carrier.submit([here.message(1)], yes)
    assert (receipt.status, receipt.reason) == (expected, reason)
    assert receipt.retry_after == 9 if header else receipt.retry_after != 9


@SQLITE
def test_an_endless_answer_is_cut(database: Database) -> None:
    with line("http", database) as here:
        here.gateway.next = (200, b" " * 1_100_000)
        (receipt,) = here.carrier.submit([here.message(1)], yes)
    assert (receipt.status, receipt.reason) == ("unknown", "carrier_lost")


def receipts(*rows: Any) -> bytes:
    return json.dumps({"receipts": rows}).encode()


def test_reports_are_read() -> None:
    body = receipts(
        {"id": "a", "status": "delivered", "code": "0", "at": "2026-11-15T20:00:00+08:00"},
        {"id": 7, "status": "failed", "code": "gone"},
        {"id": "b", "status": "failed"},
    )
    assert HttpCarrier.push.read(body) == [
        Report("a", "delivered", None, datetime(2026, 11, 15, 12, tzinfo=UTC)),
        Report("7", "failed_permanent", "gone"),
        Report("b", "failed_permanent"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[",
        b"[" * 50_000,
        b"[]",
        b'{"receipts": {}}',
        receipts(7),
        receipts({"status": "delivered"}),
        receipts({"id": "", "status": "delivered"}),
        receipts({"id": True, "status": "delivered"}),
        receipts({"id": "x" * 129, "status": "delivered"}),
        receipts({"id": "a\x00b", "status": "delivered"}),
        receipts({"id": "a", "status": "sent"}),
        receipts({"id": "a", "status": "failed", "code": {}}),
        receipts({"id": "a", "status": "delivered", "at": "yesterday"}),
        receipts({"id": "a", "status": "delivered", "at": "2026-11-15T20:00:00"}),
        receipts(*[{"id": "a", "status": "delivered"}] * (MOST + 1)),
    ],
    ids=range(17),
)
def test_reports_that_are_none_are_refused(body: bytes) -> None:
    with pytest.raises(BadInput):
        HttpCarrier.push.read(body)
