"""Events of e-mail posted to /c/bounce: who may, what is read, and how it is answered."""

import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import sqlalchemy as sa
from werkzeug.test import Client, TestResponse

from crm_plugin.channels.email.feedback.webhook import MOST, signature
from crm_plugin.channels.models import Bounce
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database, connect
from crm_plugin.profiles.models.school import Suppression
from crm_plugin.web.public import PublicApp
from tests.fakes.crm import NOW, make_crm
from tests.web.test_public import SQLITE, add_person
from tests.web.test_public import school as host_app

SECRET = "a secret of sixteen letters"
EVENT = {"id": "e-1", "kind": "hard", "status": "5.1.1", "address": "ann@a.example"}


@pytest.fixture
def crm(database: Database, tmp_path: Path) -> Crm:
    return make_crm(
        database, instance=str(tmp_path), public_url="https://s.example/crm", bounce_secret=SECRET
    )


@pytest.fixture
def client(crm: Crm) -> Client:
    return Client(PublicApp(crm, host_app))


def send(client: Client, body: bytes, secret: str = SECRET, seconds: int = 0, **headers: str) -> TestResponse:
    at = str(int(NOW.timestamp()) + seconds)
    signed = {"X-CRM-Timestamp": at, "X-CRM-Signature": signature(secret, at, body)}
    return client.post("/crm/c/bounce", data=body, headers=signed | headers)


def events(*rows: Any) -> bytes:
    return json.dumps({"events": list(rows)}).encode()


def stopped(crm: Crm) -> list[str]:
    with crm.db.read() as session:
        return list(session.scalars(sa.select(Suppression.address_key).order_by(Suppression.id)))


def test_a_signed_event_stops_an_address_once(crm: Crm, client: Client) -> None:
    add_person(crm, "ann", email_key="ann@a.example")
    answer = send(client, events(EVENT, {**EVENT, "id": "e-2", "kind": "soft", "address": "b@a.example"}))
    assert (answer.status_code, answer.json) == (200, {"taken": 2, "matched": 2, "stopped": 1})
    assert send(client, events(EVENT)).json == {"taken": 1, "matched": 1, "stopped": 0}
    assert stopped(crm) == ["ann@a.example"]


@SQLITE
@pytest.mark.parametrize("path", ["/c/bounce", "/crm/c/bounce"])
def test_the_folder_of_the_public_address_may_be_stripped(client: Client, path: str) -> None:
    assert client.get(path).status_code == 405
    assert client.post(path).status_code == 403


@SQLITE
def test_a_bounce_is_judged_by_its_status(crm: Crm, client: Client) -> None:
    rows = [{**EVENT, "id": str(n), "kind": "bounce", "status": s} for n, s in enumerate(["4.2.2", "5.7.1"])]
    assert send(client, events(*rows, {"kind": "complaint", "address": "c@a.example"})).status_code == 200
    with crm.db.read() as session:
        kinds = session.scalars(sa.select(Bounce.kind).order_by(Bounce.id)).all()
    assert kinds == ["soft", "refused", "complaint"]


@SQLITE
def test_a_servers_own_words_decide_where_it_gives_no_status(crm: Crm, client: Client) -> None:
    said = ["550 No such user\nhere " + "x" * 900, "451 try later"]
    rows = [{"kind": "bounce", "address": f"{n}@a.example", "reason": words} for n, words in enumerate(said)]
    assert send(client, events(*rows)).json == {"taken": 2, "matched": 2, "stopped": 1}
    assert stopped(crm) == ["0@a.example"]


@SQLITE
def test_what_cannot_be_kept_may_be_sent_again(crm: Crm, client: Client) -> None:
    with patch.object(crm, "db", connect("sqlite:////nosuch/folder/x.db")):
        answer = send(client, events(EVENT))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert send(client, events(EVENT)).json == {"taken": 1, "matched": 1, "stopped": 1}


@SQLITE
def test_as_many_events_as_are_allowed(crm: Crm, client: Client) -> None:
    many = [{**EVENT, "id": str(n), "kind": "refused"} for n in range(MOST + 1)]
    assert send(client, events(*many)).status_code == 400
    assert stopped(crm) == []
