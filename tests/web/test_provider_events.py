"""Events of mail providers over WSGI: each signature by its published vector, or by a key of our own."""

import base64
import json
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from werkzeug.test import Client, TestResponse

from crm_plugin.channels.email.feedback.providers import proofs
from crm_plugin.channels.email.feedback.providers.registry import PROVIDERS
from crm_plugin.channels.models import Bounce
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database, connect
from crm_plugin.kernel.network.public_fetch import Fetched
from crm_plugin.profiles.consent import ledger
from crm_plugin.profiles.models.school import Consent, ConsentRecord, Suppression
from crm_plugin.web.public import PublicApp
from tests.campaigns.fixtures import move_to
from tests.channels.email.test_providers import BREVO_HARD, POSTMARK_BOUNCE, SES_BOUNCE, TENCENT_BOUNCE
from tests.fakes.crm import NOW, make_crm
from tests.fakes.web import page, pages
from tests.web.test_public import SQLITE, add_person
from tests.web.test_public import school as host_app

pytestmark = SQLITE
SECRET = "a secret for providers"
TOPIC = "arn:aws:sns:us-east-1:1234567890:SES_Events"
PEM = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-12345abcde.pem"
BRIDGE = "https://cn-hangzhou-eventbridge.oss-accelerate.aliyuncs.com/x509_public_certificate_1.pem"
SENDGRID_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaIN"
    "XvVpiglSI8eNEc6wEA3F+g=="
)
"""Of the tests of SendGrid's own library for Python, like the signature and the body below."""
SENDGRID_BODY = (
    b'[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address",'
    b'"sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",'
    b'"sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",'
    b'"smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]\r\n'
)
SENDGRID = {
    "X-Twilio-Email-Event-Webhook-Timestamp": "1600112502",
    "X-Twilio-Email-Event-Webhook-Signature": "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+"
    "uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=",
}
MAILGUN_KEY = "key-0p6mqbf74lb20gzq9f4dhpn9rg3zyk26"
"""Of Symfony's bridge to Mailgun, like the signature below."""
MAILGUN = {
    "signature": {
        "token": "335da63647194414fe8bbb7c67b3b0585e426bcd10b258dcf4",
        "timestamp": "1661621468",
        "signature": "e3c1ce2c6c7a678823e610537eeef59426df9b1b8ed4a49a91e144e71aa64fa9",
    },
    "event-data": {
        "id": "-Agny091SquKnsrW2NEKUA",
        "timestamp": 1521233123.501324,
        "event": "complained",
        "recipient": "alice@example.com",
    },
}
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate() -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEY.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1))
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def signed(text: bytes, algorithm: Any = hashes.SHA256) -> str:
    return base64.b64encode(KEY.sign(text, padding.PKCS1v15(), algorithm())).decode()


@pytest.fixture
def crm(database: Database, tmp_path: Path) -> Crm:
    return make_crm(
        database,
        instance=str(tmp_path),
        public_url="https://s.example/crm",
        bounce_path_secret=SECRET,
        bounce_ses_topic=TOPIC,
        bounce_sendgrid_key=SENDGRID_KEY,
        bounce_mailgun_key=MAILGUN_KEY,
        bounce_aliyun_token="the token of our rule",
    )


@pytest.fixture
def client(crm: Crm) -> Client:
    return Client(PublicApp(crm, host_app))


def post(client: Client, name: str, body: Any, secret: str = SECRET, **headers: Any) -> TestResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(f"/crm/c/bounce/{name}/{secret}", data=data, **headers)


def kinds(crm: Crm) -> list[str]:
    with crm.db.read() as session:
        return list(session.scalars(sa.select(Bounce.kind).order_by(Bounce.id)))


UNSIGNED = [("postmark", POSTMARK_BOUNCE), ("brevo", BREVO_HARD), ("tencent", TENCENT_BOUNCE)]


@pytest.mark.parametrize(("name", "document"), UNSIGNED)
def test_who_signs_nothing_is_proven_by_the_address(
    crm: Crm, client: Client, name: str, document: Any
) -> None:
    for secret in ("x", SECRET + "x", SECRET[:-1], "%00"):
        assert post(client, name, document, secret).status_code == 403
    assert kinds(crm) == []
    assert post(client, name, document).json == {"taken": 1, "matched": 1, "stopped": 1}
    assert post(client, name, document).json == {"taken": 1, "matched": 1, "stopped": 0}
    assert kinds(crm) == ["hard"]


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize("secret", ["", "short"])
def test_without_a_good_secret_nothing_is_taken(crm: Crm, client: Client, name: str, secret: str) -> None:
    crm.settings.bounce_path_secret = secret
    assert post(client, name, {}, secret or "x").status_code == (406 if name == "mailgun" else 403)


def test_a_request_of_sendgrid_is_checked_by_its_published_vector(crm: Crm, client: Client) -> None:
    move_to(crm, datetime.fromtimestamp(1600112502, UTC) + timedelta(hours=20))
    answer = post(client, "sendgrid", SENDGRID_BODY, headers=SENDGRID)
    assert answer.json == {"taken": 1, "matched": 1, "stopped": 0}
    assert kinds(crm) == ["refused"]
    wrong = SENDGRID | {"X-Twilio-Email-Event-Webhook-Timestamp": "1600112503"}
    for body, headers in (
        (SENDGRID_BODY.strip(), SENDGRID),
        (SENDGRID_BODY, wrong),
        (SENDGRID_BODY, {}),
        (SENDGRID_BODY, {**SENDGRID, "X-Twilio-Email-Event-Webhook-Signature": "课"}),
    ):
        data = {name: value.encode().decode("latin-1") for name, value in headers.items()}
        assert post(client, "sendgrid", body, headers=data).status_code == 403
    move_to(crm, datetime.fromtimestamp(1600112502, UTC) + timedelta(hours=27))
    assert post(client, "sendgrid", SENDGRID_BODY, headers=SENDGRID).status_code == 403


def test_a_request_of_mailgun_is_checked_by_its_published_vector(crm: Crm, client: Client) -> None:
    move_to(crm, datetime.fromtimestamp(1661621468, UTC) + timedelta(hours=8))
    assert post(client, "mailgun", MAILGUN).json == {"taken": 1, "matched": 1, "stopped": 1}
    assert kinds(crm) == ["complaint"]
    for name in ("token", "timestamp", "signature"):
        signature = {**MAILGUN["signature"], name: "7"}  # type: ignore[dict-item]
        assert post(client, "mailgun", {**MAILGUN, "signature": signature}).status_code == 406
    move_to(crm, datetime.fromtimestamp(1661621468, UTC) + timedelta(hours=27))
    assert post(client, "mailgun", MAILGUN).status_code == 406
    assert post(client, "mailgun", b"{").status_code == 406


def envelope(version: str = "2", **changes: str) -> dict[str, str]:
    """Return what SNS posts, signed by our key."""
    facts = {
        "Type": "Notification",
        "MessageId": "19ba9823-d7f2-53c1-860e-cb10e0d13dfc",
        "TopicArn": TOPIC,
        "Subject": "Amazon SES 事件",
        "Message": json.dumps(SES_BOUNCE) + "\n",
        "Timestamp": "2026-11-15T11:59:59.675Z",
        "SigningCertURL": PEM,
        **changes,
    }
    names = ("Message", "MessageId", "SubscribeURL", "Subject", "Timestamp", "Token", "TopicArn", "Type")
    text = "".join(f"{name}\n{facts[name]}\n" for name in names if name in facts).encode()
    algorithm = hashes.SHA1 if version == "1" else hashes.SHA256
    return {**facts, "SignatureVersion": version, "Signature": signed(text, algorithm)}


def web(url: str = PEM, answer: Fetched | None = None) -> AbstractContextManager[list[str]]:
    return pages({url: answer or page(body=certificate()), SUBSCRIBE: page(body=b"<ok/>")})


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_notice_of_amazon_is_checked_and_its_certificate_fetched_once(
    crm: Crm, client: Client, version: str
) -> None:
    with web() as asked:
        assert post(client, "ses", envelope(version)).json == {"taken": 1, "matched": 1, "stopped": 1}
        assert post(client, "ses", envelope(version)).json == {"taken": 1, "matched": 1, "stopped": 0}
        assert len(asked) == 1
        forged = {**envelope(version), "Message": json.dumps(SES_BOUNCE)}
        assert post(client, "ses", forged).status_code == 403
        sentence = envelope(
            version, Message="Successfully validated SNS topic for Amazon SES event publishing."
        )
        assert post(client, "ses", sentence).json == {"taken": 0, "matched": 0, "stopped": 0}


FORGED = [
    {"TopicArn": TOPIC + "x"},
    {"SigningCertURL": "https://sns.us-east-1.amazonaws.com.evil.example/x.pem"},
    {"SigningCertURL": "http://sns.us-east-1.amazonaws.com/x.pem"},
    {"SigningCertURL": "https://bucket.s3.amazonaws.com/x.pem"},
    {"SigningCertURL": "https://sns.us-east-1.amazonaws.com:444/x.pem"},
    {"SigningCertURL": "https://me@sns.us-east-1.amazonaws.com/x.pem"},
    {"SigningCertURL": "https://sns.us-east-1.amazonaws.com/x.txt"},
    {"SigningCertURL": ""},
]


@pytest.mark.parametrize("changes", FORGED)
def test_a_notice_of_another_topic_or_key_is_refused_unasked(
    crm: Crm, client: Client, changes: dict[str, str]
) -> None:
    with pages() as asked:
        assert post(client, "ses", envelope(**changes)).status_code == 403
        assert len(asked) == 0
    assert post(client, "ses", SES_BOUNCE).status_code == 403
    assert post(client, "ses", {**envelope(), "SignatureVersion": "3"}).status_code == 403
    assert kinds(crm) == []


def test_an_old_notice_is_refused(crm: Crm, client: Client) -> None:
    with web():
        assert post(client, "ses", envelope(Timestamp="2026-11-15T09:59:00Z")).status_code == 403
        assert post(client, "ses", envelope(Timestamp="soon")).status_code == 403


SUBSCRIBE = "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"


def test_only_our_topic_is_subscribed(crm: Crm, client: Client) -> None:
    facts = {"Type": "SubscriptionConfirmation", "Token": "t", "SubscribeURL": SUBSCRIBE}
    with web() as asked:
        assert post(client, "ses", envelope(**facts)).status_code == 200
        assert asked == [PEM, SUBSCRIBE]
        theirs = envelope(**facts | {"TopicArn": "arn:aws:sns:us-east-1:6:Evil"})
        assert post(client, "ses", theirs).status_code == 403
        elsewhere = envelope(**facts | {"SubscribeURL": "https://evil.example/"})
        assert post(client, "ses", elsewhere).status_code == 403
        assert len(asked) == 2


def test_a_certificate_that_cannot_be_had_is_asked_for_again(crm: Crm, client: Client) -> None:
    for answer in (page(404), page(302, location="https://evil.example/")):
        with web(answer=answer):
            assert post(client, "ses", envelope()).status_code == 503
    with web(answer=page(body=b"no certificate")):
        assert post(client, "ses", envelope()).status_code == 503
    assert kinds(crm) == []


def bridged(body: bytes, **changes: str) -> dict[str, str]:
    """Return what EventBridge signs, by our key."""
    head = {
        "x-eventbridge-signature-timestamp": str(int(NOW.timestamp() * 1000)),
        "x-eventbridge-hash-method": "SHA256",
        "x-eventbridge-signature-version": "2.0",
        "x-eventbridge-signature-url": BRIDGE,
        "x-eventbridge-signature-token": "the token of our rule",
        **changes,
    }
    lines = "\n".join(f"{name}: {value}" for name, value in head.items())
    text = f"https://s.example/crm/c/bounce/aliyun/{SECRET}\n{lines}\n".encode() + body
    return {**head, "x-eventbridge-signature-v2": signed(text)}


UNSUBSCRIBED = {
    "id": "e-7",
    "type": "dm:Feedback:UnSubscribe",
    "time": "2026-11-15T19:00:00+08:00",
    "data": {"rcpt": "ann@a.example", "envid": "60000unsub"},
}


def test_an_event_of_aliyun_is_checked_and_counts_once(crm: Crm, client: Client) -> None:
    ann = add_person(crm, "ann", email_key="ann@a.example")
    body = json.dumps(UNSUBSCRIBED).encode()
    with web(BRIDGE) as asked:
        for _ in range(2):
            answer = post(client, "aliyun", body, headers=bridged(body))
            assert answer.json == {"taken": 1, "matched": 1, "stopped": 1}
        assert len(asked) == 1
        assert post(client, "aliyun", body + b" ", headers=bridged(body)).status_code == 403
        old = {"x-eventbridge-signature-timestamp": str(int(NOW.timestamp() * 1000) - 400_000)}
        assert post(client, "aliyun", body, headers=bridged(body, **old)).status_code == 403
    move_to(crm, NOW + timedelta(minutes=4))
    crm.db.run(lambda session: ledger.opt_in(crm, session, ann, "email", crm.clock(), "page"))
    assert post(client, "aliyun", body, headers=bridged(body)).status_code == 200
    with crm.db.read() as session:
        lines = session.scalars(sa.select(ConsentRecord.source).order_by(ConsentRecord.id)).all()
        assert session.execute(sa.select(Consent.channel, Consent.state)).all() == [("email", "granted")]
    assert lines == ["provider", "page"]
    assert kinds(crm) == []


def test_an_unsubscribe_at_the_provider_ends_consent(crm: Crm, client: Client) -> None:
    add_person(crm, "ann", email_key="ann@a.example")
    body = json.dumps(UNSUBSCRIBED).encode()
    with web(BRIDGE):
        assert post(client, "aliyun", body, headers=bridged(body)).status_code == 200
    with crm.db.read() as session:
        assert session.execute(sa.select(Consent.channel, Consent.state)).all() == [("email", "denied")]
        suppressed = session.execute(
            sa.select(Suppression.address_key, Suppression.reason, Suppression.at)
        ).all()
    assert suppressed == [("ann@a.example", "opt_out", datetime(2026, 11, 15, 11, tzinfo=UTC))]
    assert kinds(crm) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"x-eventbridge-signature-token": "another"},
        {"x-eventbridge-hash-method": "MD5"},
        {"x-eventbridge-signature-url": "https://evil.example/x.pem"},
        {"x-eventbridge-signature-url": "https://x-eventbridge.oss-accelerate.aliyuncs.com:8443/x.pem"},
        {"x-eventbridge-signature-timestamp": "soon"},
    ],
)
def test_an_event_of_another_rule_is_refused(client: Client, changes: dict[str, str]) -> None:
    body = json.dumps(UNSUBSCRIBED).encode()
    assert post(client, "aliyun", body, headers=bridged(body, **changes)).status_code == 403


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("ses", "bounce_ses_topic"),
        ("sendgrid", "bounce_sendgrid_key"),
        ("mailgun", "bounce_mailgun_key"),
        ("aliyun", "bounce_aliyun_token"),
    ],
)
def test_without_its_key_a_provider_is_refused_with_a_clear_line(
    crm: Crm, client: Client, name: str, setting: str
) -> None:
    setattr(crm.settings, setting, "")
    answer = post(client, name, {})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "600")
    assert setting in answer.text


@pytest.mark.parametrize("name", ["ses", "sendgrid", "aliyun"])
def test_without_the_package_a_provider_is_refused_with_a_clear_line(client: Client, name: str) -> None:
    with patch.object(proofs, "AVAILABLE", False):
        answer = post(client, name, {})
    assert (answer.status_code, "install crm-plugin[webhooks]" in answer.text) == (503, True)


def test_a_key_that_is_none_is_said(crm: Crm, client: Client) -> None:
    move_to(crm, datetime.fromtimestamp(1600112502, UTC))
    crm.settings.bounce_sendgrid_key = "nonsense"
    answer = post(client, "sendgrid", SENDGRID_BODY, headers=SENDGRID)
    assert (answer.status_code, "no public key" in answer.text) == (503, True)


@pytest.mark.parametrize(("name", "status"), [("postmark", 503), ("tencent", 503), ("brevo", 429)])
def test_what_cannot_be_kept_is_sent_again(crm: Crm, client: Client, name: str, status: int) -> None:
    document = dict(UNSIGNED)[name]
    with patch.object(crm, "db", connect("sqlite:////nosuch/folder/x.db")):
        answer = post(client, name, document)
    assert (answer.status_code, answer.headers["Retry-After"]) == (status, "60")


def test_what_is_no_providers_address_is_none(client: Client) -> None:
    assert post(client, "pigeon", {}).status_code == 404
    assert client.get(f"/c/bounce/postmark/{SECRET}").status_code == 405
    assert client.post("/c/bounce/postmark").status_code == 404
    assert client.post(f"/c/bounce/postmark/{SECRET}/more").status_code == 401
    assert post(client, "postmark", b"x" * 1_000_001).status_code == 413
    for body in (b"", b"{", b"\xff", b"[" * 100_000):
        assert post(client, "postmark", body).status_code == 403
    answer = post(client, "brevo", [BREVO_HARD, {"event": "spam"}, 7])
    assert answer.json is not None
    assert (answer.status_code, answer.json["taken"], len(answer.json["bad"])) == (200, 1, 2)
