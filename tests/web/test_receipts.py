"""Reports of SMS carriers over WSGI: only proven ones move a row, and only forward."""

import json
from collections.abc import Iterable
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from werkzeug.test import Client, TestResponse

from crm_plugin.campaigns.feedback.delivery_reports import REPORT_BATCH
from crm_plugin.channels.models import SmsTemplate
from crm_plugin.channels.sms.carriers.twilio import signature_of
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database, connect
from crm_plugin.tables import metadata
from crm_plugin.web.public import PublicApp
from crm_plugin.web.public.http import body_of
from crm_plugin.web.public.receipts import LONGEST_PUSH
from tests.campaigns.statements import counted
from tests.channels.sms.carriers.world import SECRET, settings_of
from tests.fakes.crm import NOW, make_crm

SQLITE = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
DELIVERY = metadata.tables["crm_delivery"]
EARLY = metadata.tables["crm_early_report"]
TWILIO = "https://s.example/crm/c/twilio/status"


def school(environ: dict[str, object], start_response: Any) -> Iterable[bytes]:
    start_response("401 Unauthorized", [("Content-Type", "text/plain")])
    return [b"sign in first"]


@pytest.fixture
def crm(database: Database, tmp_path: Path) -> Crm:
    settings = {name: value for name, value in settings_of("twilio").items() if name != "sms_carrier"}
    return make_crm(database, instance=str(tmp_path), public_url="https://s.example/crm", **settings)  # type: ignore[arg-type]


@pytest.fixture
def client(crm: Crm) -> Client:
    return Client(PublicApp(crm, school))


def sent(crm: Crm, carrier: str, ref: str | None, state: str = "sent") -> None:
    row = {"campaign_id": 1, "person_id": 1, "channel": "sms", "state": state, "tries": 1, "marketing": True}
    with crm.db.begin() as session:
        session.execute(sa.insert(DELIVERY), [{**row, "carrier": carrier, "carrier_ref": ref}])


def row(crm: Crm) -> tuple[str, str | None]:
    with crm.db.read() as session:
        found = session.execute(sa.select(DELIVERY.c.state, DELIVERY.c.reason)).one()
        return found.state, found.reason


def kept(crm: Crm) -> int:
    with crm.db.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(EARLY)) or 0


ALIYUN = {"biz_id": "1^0", "phone_number": "13800138000", "report_time": "2026-11-15 19:00:00"}
TENCENT = {"sid": "5:1", "user_receive_time": "2026-11-15 19:00:00"}
BODIES: dict[str, tuple[str, Any, Any, Any]] = {
    "http": (
        "m-1",
        {"receipts": [{"id": "m-1", "status": "delivered"}]},
        {"receipts": [{"id": "m-1", "status": "failed", "code": "gone"}]},
        {"ok": True},
    ),
    "aliyun": (
        "1^0/13800138000",
        [{**ALIYUN, "success": True, "err_code": "DELIVERED"}],
        [{**ALIYUN, "success": False, "err_code": "gone"}],
        {"code": 0, "msg": "OK"},
    ),
    "tencent": (
        "5:1",
        [{**TENCENT, "report_status": "SUCCESS", "errmsg": "DELIVRD"}],
        [{**TENCENT, "report_status": "FAIL", "errmsg": "gone"}],
        {"result": 0, "errmsg": "OK"},
    ),
    "twilio": (
        "SM1",
        {"MessageSid": "SM1", "MessageStatus": "delivered"},
        {"MessageSid": "SM1", "MessageStatus": "failed", "ErrorCode": "gone"},
        b"<Response></Response>",
    ),
}
NAMES = list(BODIES)


def post(client: Client, carrier: str, document: Any, **changes: Any) -> TestResponse:
    """Send a report as the carrier would."""
    if carrier == "twilio":
        signature = signature_of("twilio-secret", TWILIO, document.items())
        values: dict[str, Any] = {
            "path": "/c/twilio/status",
            "data": urlencode(document).encode(),
            "headers": {"X-Twilio-Signature": signature},
        }
    else:
        values = {"path": f"/c/{carrier}/{SECRET}", "data": json.dumps(document).encode()}
    return client.post(**{**values, **changes})


@pytest.mark.parametrize("carrier", NAMES)
def test_a_report_moves_its_row_once_and_only_forward(crm: Crm, client: Client, carrier: str) -> None:
    ref, delivered, failed, expected = BODIES[carrier]
    sent(crm, carrier, ref)
    for document in (delivered, delivered, failed):
        answer = post(client, carrier, document)
        said = answer.data if carrier == "twilio" else json.loads(answer.data)
        assert (answer.status_code, said) == (200, expected)
        assert row(crm) == ("delivered", None)
    assert kept(crm) == 0


@pytest.mark.parametrize("carrier", NAMES)
def test_a_failure_has_its_reason(crm: Crm, client: Client, carrier: str) -> None:
    ref, delivered, failed, _ = BODIES[carrier]
    sent(crm, carrier, ref)
    for document in (failed, delivered):
        assert post(client, carrier, document).status_code == 200
        assert row(crm) == ("failed_permanent", "gone")


@pytest.mark.parametrize("carrier", NAMES)
def test_a_report_that_is_too_early_is_kept_once(crm: Crm, client: Client, carrier: str) -> None:
    for _ in range(2):
        assert post(client, carrier, BODIES[carrier][1]).status_code == 200
    assert kept(crm) == 1


@SQLITE
@pytest.mark.parametrize("carrier", NAMES)
def test_another_carriers_row_is_not_touched(crm: Crm, client: Client, carrier: str) -> None:
    sent(crm, "outbox", BODIES[carrier][0])
    assert post(client, carrier, BODIES[carrier][1]).status_code == 200
    assert row(crm) == ("sent", None)


@SQLITE
@pytest.mark.parametrize("carrier", NAMES)
@pytest.mark.parametrize("secret", ["x", SECRET + "x", "Statüs", "status"])
def test_a_forged_report_is_refused(crm: Crm, client: Client, carrier: str, secret: str) -> None:
    ref, delivered, _, _ = BODIES[carrier]
    sent(crm, carrier, ref)
    headers = {"X-Twilio-Signature": signature_of("guessed", TWILIO, []) if carrier == "twilio" else ""}
    answer = post(client, carrier, delivered, path=f"/c/{carrier}/{secret}", headers=headers)
    assert (answer.status_code, row(crm)) == (403, ("sent", None))


@SQLITE
def test_a_signature_holds_for_its_fields_only(crm: Crm, client: Client) -> None:
    sent(crm, "twilio", "SM1")
    signature = signature_of("twilio-secret", TWILIO, [("MessageSid", "SM2"), ("MessageStatus", "delivered")])
    answer = post(client, "twilio", BODIES["twilio"][1], headers={"X-Twilio-Signature": signature})
    assert answer.status_code == 403
    assert post(client, "twilio", BODIES["twilio"][1], headers={}).status_code == 403
    assert row(crm) == ("sent", None)


@SQLITE
@pytest.mark.parametrize("secret", ["", "short"])
def test_without_a_good_secret_no_unsigned_report_is_taken(database: Database, secret: str) -> None:
    client = Client(PublicApp(make_crm(database, sms_callback_secret=secret), school))
    for carrier in NAMES:
        assert (
            post(client, carrier, BODIES[carrier][1], path=f"/c/{carrier}/{secret or 'x'}").status_code == 403
        )


@SQLITE
@pytest.mark.parametrize("carrier", ["http", "aliyun", "tencent"])
@pytest.mark.parametrize("body", [b"", b"garbage", b"[7]", b"{}", b"\xff\xfe", b"[" * 100_000], ids=range(6))
def test_garbage_is_refused(crm: Crm, client: Client, carrier: str, body: bytes) -> None:
    assert post(client, carrier, None, data=body).status_code == 400
    assert kept(crm) == 0


@SQLITE
def test_what_is_huge_or_of_unknown_length_is_not_read(crm: Crm, client: Client) -> None:
    assert post(client, "http", None, data=b" " * (LONGEST_PUSH + 1)).status_code == 413
    assert kept(crm) == 0


CHUNKED = {"HTTP_TRANSFER_ENCODING": "chunked"}


@pytest.mark.parametrize(
    ("environ", "body"),
    [
        ({"CONTENT_LENGTH": "3"}, b"abc"),
        ({"CONTENT_LENGTH": "0"}, b""),
        ({}, b""),
        ({"CONTENT_LENGTH": "5"}, b"abcde"),
        ({"CONTENT_LENGTH": "6"}, None),
        ({"CONTENT_LENGTH": "many"}, None),
        ({"CONTENT_LENGTH": "-1"}, None),
        (CHUNKED, None),
        ({**CHUNKED, "wsgi.input_terminated": True}, None),
    ],
)
def test_a_body_is_read_whole_or_not_at_all(environ: dict[str, Any], body: bytes | None) -> None:
    assert body_of({**environ, "wsgi.input": BytesIO(b"abcdefgh")}, 5) == body


def test_a_body_in_chunks_is_read_to_its_end() -> None:
    environ = {**CHUNKED, "wsgi.input_terminated": True, "wsgi.input": BytesIO(b"abc")}
    assert body_of(environ, 5) == b"abc"


@SQLITE
def test_a_date_of_the_future_is_now(crm: Crm, client: Client) -> None:
    sent(crm, "http", "m-1")
    receipt = {"id": "m-1", "status": "delivered", "at": "9999-12-31T23:59:59+00:00"}
    assert post(client, "http", {"receipts": [receipt]}).status_code == 200
    with crm.db.read() as session:
        assert session.scalar(sa.select(DELIVERY.c.settled_at)) == NOW


@SQLITE
def test_a_report_that_cannot_be_kept_is_sent_again(crm: Crm, client: Client) -> None:
    with patch.object(crm, "db", connect("sqlite:////nosuch/folder/x.db")):
        answer = post(client, "aliyun", BODIES["aliyun"][1])
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")


@SQLITE
def test_what_is_no_carriers_address_is_not_ours(crm: Crm, client: Client) -> None:
    assert client.get(f"/c/http/{SECRET}").status_code == 405
    assert post(client, "http", {}, path="/c/pigeon/x").status_code == 404
    assert post(client, "http", {}, path="/c/smtp/x").status_code == 404
    assert post(client, "http", {}, path="/crm/c/smtp/x").status_code == 404
    for path in ("/c/", "/c/http", "/c/http/", f"/c/http/{SECRET}/more", "/c//x"):
        assert post(client, "http", {}, path=path).status_code == 401, path


def test_a_push_of_many_reports_costs_few_statements(crm: Crm, client: Client) -> None:
    row = {"campaign_id": 1, "channel": "sms", "state": "sent", "tries": 1, "marketing": True}
    known = [
        {**row, "person_id": n, "carrier": "http", "carrier_ref": f"m-{n}"} for n in range(REPORT_BATCH + 20)
    ]
    with crm.db.begin() as session:
        session.execute(sa.insert(DELIVERY), known)
    receipts: list[dict[str, Any]] = [
        {
            "id": f"m-{n}",
            "status": "failed" if n % 5 == 0 else "delivered",
            **({"code": f"code-{n}"} if n % 10 == 0 else {}),
            "at": (NOW - timedelta(seconds=n)).isoformat(),
        }
        for n in range(REPORT_BATCH + 40)
    ]
    receipts += [{"id": "m-1", "status": "failed", "code": "late"}, {"id": "m-5", "status": "delivered"}]
    with counted(crm.db) as statements:
        assert post(client, "http", {"receipts": receipts}).status_code == 200
    assert len(statements) <= 12
    with crm.db.read() as session:
        rows = session.execute(sa.select(DELIVERY)).all()
    for one in rows:
        n = one.person_id
        state, reason = ("failed_permanent", f"code-{n}" if n % 10 == 0 else None)
        if n % 5:
            state, reason = "delivered", None
        assert (one.state, one.reason, one.settled_at) == (state, reason, NOW - timedelta(seconds=n))
    assert kept(crm) == 20


@SQLITE
def test_a_pushed_answer_about_a_template_is_taken_once(database: Database, tmp_path: Path) -> None:
    crm = make_crm(database, instance=str(tmp_path), **settings_of("aliyun"))  # type: ignore[arg-type]
    row = {"locale": "zh", "name": "n", "text": "x", "purpose": "service", "updated_at": NOW, "version": 1}
    facts = {"carrier": "aliyun", "filed_as": "SMS_1", "state": "submitted", "key": "t"}
    table = metadata.tables["crm_sms_template"]
    with crm.db.begin() as session:
        session.add(SmsTemplate(**row, **facts))
    push = {"template_code": "SMS_1", "template_status": "approved", "template_name": "n", "reason": "ok"}
    client = Client(PublicApp(crm, school))
    for _ in range(2):
        assert post(client, "aliyun", [push]).status_code == 200
    with crm.db.read() as session:
        found = session.execute(sa.select(table.c.state, table.c.carrier_codes, table.c.reason)).one()
    assert tuple(found) == ("approved", {"aliyun": "SMS_1"}, None)
    assert post(client, "aliyun", [{**push, "template_status": "perhaps"}]).status_code == 400
    assert post(client, "aliyun", [push], path="/c/aliyun/guessed").status_code == 403
    assert kept(crm) == 0
