"""Replies over WSGI and on the pages: proven, taken once, shown where somebody reads them."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from werkzeug.test import Client, TestResponse

from crm_plugin.campaigns.models import Reply
from crm_plugin.channels.sms.carriers.twilio import signature_of
from crm_plugin.profiles.models.school import Consent
from crm_plugin.web.public import PublicApp
from tests.web.fixtures import School
from tests.web.test_pages import on_sqlite
from tests.web.test_public import school as host_app

pytestmark = on_sqlite

SECRET = "a secret for callbacks"
NUMBER = "13800130000"
"""Of person p0 of the school."""
INBOUND = "https://s.example/c/twilio/inbound"
FORM = {"SmsStatus": "received", "MessageSid": "SM1", "From": f"+86{NUMBER}", "To": "+15005550006"}
BODIES: dict[str, Any] = {
    "http": {"replies": [{"id": "r-1", "from": f"+86{NUMBER}", "text": "{}"}]},
    "aliyun": [{"phone_number": NUMBER, "content": "{}", "dest_code": "1", "sequence_id": "7"}],
    "tencent": {"mobile": NUMBER, "nationcode": "86", "text": "{}", "sign": "x", "time": 1457336869},
    "twilio": {**FORM, "Body": "{}"},
}
ANSWERS = {
    "http": b'{"ok": true}',
    "aliyun": b'{"code": 0, "msg": "OK"}',
    "tencent": b'{"result": 0, "errmsg": "OK"}',
    "twilio": b"<Response></Response>",
}


@pytest.fixture
def client(school: School) -> Client:
    settings = school.crm.settings
    settings.sms_callback_secret, settings.sms_twilio_token = SECRET, "twilio-secret"
    settings.public_url = "https://s.example"
    return Client(PublicApp(school.crm, host_app))


def send(client: Client, carrier: str, text: str, **changes: Any) -> TestResponse:
    """Post a reply as the carrier would."""
    document = json.loads(json.dumps(BODIES[carrier], ensure_ascii=False).replace("{}", text))
    if carrier == "twilio":
        proof = {"X-Twilio-Signature": signature_of("twilio-secret", INBOUND, document.items())}
        values: dict[str, Any] = {"data": urlencode(document).encode(), "headers": proof}
        return client.post(changes.pop("path", "/c/twilio/inbound"), **{**values, **changes})
    data = json.dumps(document).encode()
    return client.post(changes.pop("path", f"/c/{carrier}/{SECRET}"), data=data, **changes)


def count(school: School, model: Any) -> int:
    with school.crm.db.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(model)) or 0


@pytest.mark.parametrize("carrier", BODIES)
def test_a_reply_is_taken_once_and_answered_as_the_carrier_wants(
    school: School, client: Client, carrier: str
) -> None:
    for _ in range(2):
        answer = send(client, carrier, "退订")
        assert (answer.status_code, answer.data) == (200, ANSWERS[carrier])
        assert answer.headers["Content-Type"].startswith(
            "text/xml" if carrier == "twilio" else "application/json"
        )
    with school.crm.db.read() as session:
        assert session.execute(sa.select(Consent.channel, Consent.state)).all() == [("sms", "denied")]
    assert count(school, Reply) == 1


@pytest.mark.parametrize("carrier", BODIES)
def test_a_forged_reply_is_refused(school: School, client: Client, carrier: str) -> None:
    twilio = ["/c/twilio/x", "/c/twilio/inbound"]
    for path in twilio if carrier == "twilio" else [f"/c/{carrier}/a secret for nobody"]:
        assert send(client, carrier, "R", path=path, headers={}).status_code == 403
    assert (count(school, Reply), count(school, Consent)) == (0, 0)


def test_a_signature_for_another_address_or_text_is_refused(school: School, client: Client) -> None:
    assert send(client, "twilio", "R", path="/c/twilio/status").status_code == 403
    proof = {"X-Twilio-Signature": signature_of("twilio-secret", INBOUND, {**FORM, "Body": "x"}.items())}
    assert send(client, "twilio", "R", headers=proof).status_code == 403
    with_port = INBOUND.replace(".example", ".example:443")
    fields = {**FORM, "Body": "R"}.items()
    proof = {"X-Twilio-Signature": signature_of("twilio-secret", with_port, fields)}
    assert send(client, "twilio", "R", headers=proof).status_code == 200


def test_what_somebody_wrote_is_shown_and_ticked_off(school: School, client: Client) -> None:
    send(client, "http", "<b>几点开始</b>？")
    home = school.get("/").text
    assert "Replies by SMS" in home
    assert "&lt;b&gt;几点开始&lt;/b&gt;？" in home
    with school.crm.db.read() as session:
        ident, person = session.execute(sa.select(Reply.id, Reply.person_id)).one()
    page = school.get(f"/people/{person}?show=replies").text
    assert "Replied" in page
    assert "To be read" in page
    school.post(f"/people/{person}/replies/{ident}/done", {"from": "home"})
    assert "Replies by SMS" not in school.get("/").text
    page = school.get(f"/people/{person}").text
    assert "几点开始" in page
    assert "To be read" not in page


def test_an_opt_out_by_reply_stands_on_the_persons_page(school: School, client: Client) -> None:
    send(client, "aliyun", "TD")
    with school.crm.db.read() as session:
        person = session.scalar(sa.select(Reply.person_id))
    page = school.get(f"/people/{person}").text
    assert "Replied: no more marketing" in page
    assert "Replies by SMS" not in school.get("/").text


def test_without_the_right_to_send_replies_are_read_only(school: School, client: Client) -> None:
    send(client, "http", "Hello?")
    school.sign_in("crm.view")
    assert "Replies by SMS" not in school.get("/").text
    with school.crm.db.read() as session:
        ident, person = session.execute(sa.select(Reply.id, Reply.person_id)).one()
    assert "To be read" not in school.get(f"/people/{person}").text
    assert school.post(f"/people/{person}/replies/{ident}/done").status_code == 403


def test_programs_read_replies_and_tick_them_off(school: School, client: Client) -> None:
    send(client, "http", "Hello?")
    answer = school.get("/api/v1/replies").json
    assert answer is not None
    (one,) = answer["items"]
    assert (one["text"], one["people"], one["opt_out"]) == ("Hello?", ["p0"], False)
    path = f"/admin/crm/api/v1/replies/{one['id']}/done"
    assert school.client.post(path, headers={"X-CSRFToken": school.csrf()}).status_code == 204
    assert school.get("/api/v1/replies").json == {"items": []}
