"""Posts to /c/…: forged, old, sent again, out of order, huge, of the wrong kind; none does harm."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.test import Client, TestResponse

from crm_plugin.channels.email.feedback.webhook import SKEW, signature
from crm_plugin.channels.models import Bounce
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.models.school import Suppression
from crm_plugin.web.public import PublicApp
from crm_plugin.web.public.bounces import LONGEST
from tests.fakes.crm import NOW, make_crm
from tests.web.test_public import SQLITE
from tests.web.test_public import school as host_app

pytestmark = SQLITE
SECRET = "a secret of sixteen letters"
SMS_SECRET = "another secret of sixteen"
EVENT = {"id": "e-1", "kind": "hard", "address": "ann@a.example"}
GOOD = json.dumps({"events": [EVENT]}).encode()


@pytest.fixture
def crm(database: Database, tmp_path: Path) -> Crm:
    return make_crm(
        database,
        instance=str(tmp_path),
        bounce_secret=SECRET,
        sms_callback_secret=SMS_SECRET,
        sms_carrier="http",
    )


@pytest.fixture
def client(crm: Crm) -> Client:
    return Client(PublicApp(crm, host_app))


def send(client: Client, body: bytes, at: str = "", signed: str | None = None, **more: Any) -> TestResponse:
    at = at or str(int(NOW.timestamp()))
    given = signature(SECRET, at, body) if signed is None else signed
    headers = {"X-CRM-Timestamp": at, "X-CRM-Signature": given}
    return client.post("/c/bounce", data=body, headers=headers, **more)


def nothing_kept(crm: Crm) -> bool:
    with crm.db.read() as session:
        return not any(session.scalar(sa.select(model.id).limit(1)) for model in (Bounce, Suppression))


def test_forged_requests_are_refused_unread(crm: Crm, client: Client) -> None:
    now = str(int(NOW.timestamp()))
    good = signature(SECRET, now, GOOD)
    forged: list[tuple[str, str, bytes]] = [
        (now, "", GOOD),
        (now, "0" * 64, GOOD),
        (now, good[:-1], GOOD),
        (now, good.upper(), GOOD),
        (now, "sha256=" + good, GOOD),
        (now, "课" * 64, GOOD),
        (now, good, GOOD + b" "),
        (now, good, GOOD.replace(b"ann@", b"bob@")),
        (str(int(now) + 1), good, GOOD),
        (now, signature(SMS_SECRET, now, GOOD), GOOD),
        (now, signature("", now, GOOD), GOOD),
        (now, signature(SECRET, "", GOOD), GOOD),
    ]
    for at, signed, body in forged:
        data = {"X-CRM-Timestamp": at, "X-CRM-Signature": signed.encode().decode("latin-1")}
        assert client.post("/c/bounce", data=body, headers=data).status_code == 403
    assert client.post("/c/bounce", data=GOOD).status_code == 403
    assert nothing_kept(crm)


@pytest.mark.parametrize("at", ["", "-1", "1e9", "0x1", " 1 ", "９９", "9" * 400, "nan", "1.5"])
def test_a_time_that_is_none_is_refused(crm: Crm, client: Client, at: str) -> None:
    sent = at.encode().decode("latin-1")
    headers = {"X-CRM-Timestamp": sent, "X-CRM-Signature": signature(SECRET, at, GOOD)}
    assert client.post("/c/bounce", data=GOOD, headers=headers).status_code == 403


@pytest.mark.parametrize("seconds", [-SKEW - 1, SKEW + 1])
def test_an_old_request_cannot_be_sent_again(crm: Crm, client: Client, seconds: int) -> None:
    assert send(client, GOOD, at=str(int(NOW.timestamp()) + seconds)).status_code == 403
    assert nothing_kept(crm)


def test_a_young_one_sent_again_is_taken_once(crm: Crm, client: Client) -> None:
    assert [send(client, GOOD).json["stopped"] for _ in range(3)] == [1, 0, 0]  # type: ignore[index]
    with crm.db.read() as session:
        assert len(session.scalars(sa.select(Bounce.id)).all()) == 1


def test_the_order_of_events_makes_no_difference(crm: Crm, client: Client) -> None:
    rows = [{**EVENT, "id": str(n), "kind": kind} for n, kind in enumerate(["complaint", "soft", "hard"])]
    for order in (rows, rows[::-1]):
        assert send(client, json.dumps({"events": order}).encode()).status_code == 200
    with crm.db.read() as session:
        assert set(session.scalars(sa.select(Suppression.reason))) == {"bounce", "complaint"}


@pytest.mark.parametrize("secret", ["", "short"])
def test_without_a_good_secret_nothing_is_taken(crm: Crm, client: Client, secret: str) -> None:
    crm.settings.bounce_secret = secret
    at = str(int(NOW.timestamp()))
    assert send(client, GOOD, at, signature(secret, at, GOOD)).status_code == 403


WRONG: list[Any] = [
    b"",
    b"\xff\xfe\x00",
    b"null",
    b"[]",
    b"7",
    b'"events"',
    b"{}",
    b'{"events": {}}',
    b'{"events": 5}',
    b'{"events": [[]]}',
    b'{"events": [null]}',
    b'{"events": [{}]}',
    b'{"events": ' + b"[" * 100_000,
    b'{"events": [' + b'{"a":' * 50_000,
    b'{"events": [{"kind": "hard", "address": {"a": 1}}]}',
    b'{"events": [{"kind": "hard", "address": 7}]}',
    b'{"events": [{"kind": "hard", "address": "a@b.example", "id": true}]}',
    b'{"events": [{"kind": ["hard"], "address": "a@b.example"}]}',
    b'{"events": [{"kind": "delete", "address": "a@b.example"}]}',
    b'{"events": [{"kind": "hard"}]}',
    b'{"events": [{"kind": "hard", "code": "../../etc"}]}',
    b'{"events": [{"kind": "hard", "message_id": "<x>"}]}',
    b'{"events": [{"kind": "hard", "address": "a@b.example", "at": "yesterday"}]}',
    b'{"events": [{"kind": "hard", "address": "a@b.example", "at": 1e308}]}',
    b'{"events": [{"kind": "hard", "address": "a\\u0000@b.example"}]}',
    b'{"events": [{"kind": "hard", "address": "a\\ud800@b.example"}]}',
    b'{"events": [{"kind": "hard", "address": "' + b"a" * 300 + b'"}]}',
    b'{"events": [{"kind": "hard", "address": "a@b.example", "id": ' + b"9" * 9000 + b"}]}",
    b'{"events": [{"kind": "soft", "address": []}, {"kind": "?"}]}',
]


@pytest.mark.parametrize("body", WRONG, ids=lambda body: repr(body[:50]))
def test_what_is_signed_but_no_event_is_named_and_nothing_kept(crm: Crm, client: Client, body: bytes) -> None:
    answer = send(client, body)
    assert answer.status_code == 400
    assert answer.json is not None
    assert "expected" in answer.json["error"]
    assert nothing_kept(crm)


def test_an_address_that_is_none_is_of_nobody(crm: Crm, client: Client) -> None:
    body = json.dumps({"events": [{"kind": "hard", "address": "nobody at all"}]})
    assert send(client, body.encode()).json == {"taken": 1, "matched": 0, "stopped": 0}
    assert nothing_kept(crm)


@pytest.mark.parametrize("path", ["/c/bounce", f"/c/http/{SMS_SECRET}"])
def test_huge_endless_and_lying_bodies_are_not_read(crm: Crm, client: Client, path: str) -> None:
    assert client.post(path, data=b"x" * (LONGEST + 1)).status_code == 413
    for length, more in (
        ("99999999999", {}),
        ("-5", {}),
        ("x", {}),
        ("10", {"HTTP_TRANSFER_ENCODING": "chunked"}),
    ):
        environ: Any = {"CONTENT_LENGTH": length, "wsgi.input": BytesIO(b"{}"), **more}
        answer = client.open(path, method="POST", environ_overrides=environ)
        assert answer.status_code in (400, 403, 413), length
    assert nothing_kept(crm)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_only_a_post_is_taken(client: Client, method: str) -> None:
    for path in ("/c/bounce", f"/c/http/{SMS_SECRET}"):
        assert client.open(path, method=method, data=GOOD).status_code == 405


FORGED_PATHS = [
    "wrong secret of sixteen",
    SMS_SECRET[:-1],
    SMS_SECRET.upper(),
    SMS_SECRET + "x",
    "..",
    "%00",
]


@pytest.mark.parametrize("secret", FORGED_PATHS)
def test_reports_of_sms_need_the_whole_secret(client: Client, secret: str) -> None:
    body = json.dumps({"receipts": [{"id": "m-1", "status": "delivered"}]})
    assert client.post(f"/c/http/{secret}", data=body).status_code in (403, 404)


@pytest.mark.parametrize(
    "body", [*WRONG[:12], b'{"receipts": [{"id": {}, "status": "delivered"}]}'], ids=repr
)
def test_reports_of_sms_that_are_none_are_refused(client: Client, body: bytes) -> None:
    assert client.post(f"/c/http/{SMS_SECRET}", data=body).status_code == 400
