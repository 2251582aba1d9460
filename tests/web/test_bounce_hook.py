"""Events of e-mail posted to /c/bounce: who may, what is read, and how it is answered."""

import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import sqlalchemy as sa
from werkzeug.test import Client, TestResponse

from crm_plugin.campaigns.feedback.bounce_effects import apply as apply_event
from crm_plugin.channels.email.feedback.posted import MOST
from crm_plugin.channels.email.feedback.webhook import signature
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


BAD: list[Any] = [
    {**EVENT, "kind": "?"},
    {**EVENT, "at": "yesterday"},
    {**EVENT, "id": ["e"]},
    {"kind": "hard"},
    "x",
    None,
]


@SQLITE
def test_one_bad_event_harms_itself_and_is_named(crm: Crm, client: Client) -> None:
    answer = send(client, events(BAD[0], EVENT, *BAD[1:]))
    assert answer.status_code == 200
    assert answer.json is not None
    assert {name: answer.json[name] for name in ("taken", "matched", "stopped")} == {
        "taken": 1,
        "matched": 1,
        "stopped": 1,
    }
    assert [one["event"] for one in answer.json["bad"]] == [0, 2, 3, 4, 5, 6]
    assert all("expected" in one["error"] for one in answer.json["bad"])
    assert stopped(crm) == ["ann@a.example"]
    answer = send(client, events(*BAD))
    assert (answer.status_code, len(answer.json["bad"])) == (400, 6)  # type: ignore[index]


@SQLITE
@pytest.mark.parametrize(
    "at", [NOW.timestamp(), int(NOW.timestamp()), str(int(NOW.timestamp())), 1e3 * NOW.timestamp()]
)
def test_ids_and_times_may_be_numbers(crm: Crm, client: Client, at: Any) -> None:
    row = {**EVENT, "id": 901542550, "at": at}
    assert send(client, events(row, row)).json == {"taken": 2, "matched": 2, "stopped": 1}
    with crm.db.read() as session:
        assert session.scalar(sa.select(Bounce.at)) == NOW


@SQLITE
def test_an_event_that_cannot_be_stored_harms_itself(crm: Crm, client: Client) -> None:
    wrong = sa.exc.DataError("x", {}, Exception())

    def apply(crm: Crm, session: Any, event: Any, row: Any) -> Any:
        if event.address_key.startswith("bad"):
            raise wrong
        return apply_event(crm, session, event, row)

    rows = [{**EVENT, "id": "e-9", "address": "bad@a.example"}, EVENT]
    with patch("crm_plugin.campaigns.feedback.bounces.apply", apply):
        assert send(client, events(*rows)).json == {"taken": 2, "matched": 1, "stopped": 1}


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
