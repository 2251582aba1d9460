"""The JSON API: its document, tokens, what it takes and gives, and how it refuses."""

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_wtf.csrf import CSRFProtect
from openapi_spec_validator import validate
from werkzeug.test import TestResponse

from crm_plugin.campaigns import jobs
from crm_plugin.host import token_actors
from crm_plugin.host.records import Actor
from crm_plugin.kernel.credentials.tokens import Grant, Token
from crm_plugin.segments.bulk import exports
from crm_plugin.web.api.openapi import endpoints_of
from crm_plugin.web.blueprint import pages
from crm_plugin.web.shell.guard import LARGEST_BODY
from tests.fakes.crm import NOW
from tests.fakes.host import ALL
from tests.web.fixtures import PEOPLE, School

on_sqlite = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
ADMIN = Actor("admin", "Ada Admin", ALL)
EVERYBODY: dict[str, Any] = {"combinator": "and", "rules": []}
BUYERS = {"combinator": "and", "rules": [{"field": "paid_count", "operator": ">", "value": 0}]}
MAIL = {"name": "News", "channel": "email", "purpose": "service", "subject": "Hello"}
FILE = {**MAIL, "audience": BUYERS, "html": "<p>Dear {{ display_name }}</p>"}


class Program:
    """A program with a token."""

    def __init__(self, school: School, *permissions: str, **facts: Any) -> None:
        self.school = school
        rights = list(permissions) or sorted(ALL)
        self.id, self.token = token_actors.create(school.crm, ADMIN, Grant("Program", rights, **facts))
        school.host.actor = None  # nobody sits at the screen

    def call(self, method: str, path: str, sent: Any = None, **headers: str) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}", **headers}
        options = {} if sent is None else {"json": sent}
        client = self.school.app.test_client()
        return client.open(f"/admin/crm/api/v1{path}", method=method, headers=headers, **options)

    def get(self, path: str) -> Any:
        answer = self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    def post(self, path: str, sent: Any = None, status: int = 200, method: str = "POST") -> Any:
        answer = self.call(method, path, sent)
        assert answer.status_code == status, answer.text
        return answer.get_json(silent=True)


@on_sqlite
def test_the_document_is_valid_and_names_every_endpoint(school: School) -> None:
    document = Program(school).get("/openapi.json")
    validate(document)
    assert document["openapi"] == "3.1.0"
    operations = {one["operationId"] for path in document["paths"].values() for one in path.values()}
    assert operations == {one.name.removeprefix("api_") for one in endpoints_of(school.crm)}
    assert document["servers"] == [{"url": "/admin/crm"}]
    assert all(one["summary"] for path in document["paths"].values() for one in path.values())


@on_sqlite
def test_answers_keep_to_the_schemas_of_the_document(school: School) -> None:
    """What an answer has that its schema does not name would be a promise that nobody wrote down."""
    program = Program(school)
    document = program.get("/openapi.json")
    for path in ("/me", "/health", "/queries", "/campaigns", "/people/p2", "/sms-templates", "/exports"):
        shape = document["paths"][f"/api/v1{path}".replace("p2", "{person_id}")]["get"]["responses"]["200"]
        name = shape["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert set(program.get(path)) == set(document["components"]["schemas"][name]["properties"]), path


def test_people_are_counted_listed_and_explained(school: School) -> None:
    program = Program(school)
    assert program.post("/segments/count", BUYERS)["count"] == PEOPLE / 2
    first = program.post("/segments/ids?limit=4", BUYERS)
    second = program.post(f"/segments/ids?limit=4&after={first['next']}", BUYERS)
    assert (first["ids"], second) == (["p0", "p2", "p4", "p6"], {"ids": ["p8", "p10"], "next": None})
    page = program.post("/segments/people?sort=-paid_total&limit=2", BUYERS)
    assert [row["paid_count"] for row in page["items"]] == [1, 1]
    assert page["as_of"].startswith("2026-11-15T12:00:00")
    assert program.post("/segments/count?at=2020-01-01T00:00:00Z", EVERYBODY)["as_of"].startswith("2020")
    told = program.post("/segments/explain/p1", BUYERS)
    assert (told["outcome"], told["children"][0]["seen"]) == (False, 0)
    assert "purchases" in program.post("/segments/describe", BUYERS)["sentence"]
    assert program.post("/segments/reach?channel=email", BUYERS)["steps"]["matched"] == PEOPLE / 2


@on_sqlite
def test_a_search_is_saved_changed_and_deleted(school: School) -> None:
    program = Program(school)
    ident = program.post("/queries", {"name": "Buyers", "tree": BUYERS}, 201)["id"]
    changed = program.post(
        f"/queries/{ident}", {"name": "All", "tree": EVERYBODY, "shared": True}, 200, "PATCH"
    )
    assert (changed["name"], changed["tree"], changed["shared"]) == ("All", EVERYBODY, True)
    assert changed["owner"] == f"token:{program.id}"
    assert [row["id"] for row in program.get("/queries")["items"]] == [ident]
    program.post(f"/queries/{ident}", None, 204, "DELETE")
    assert program.call("GET", f"/queries/{ident}").status_code == 404


@on_sqlite
def test_a_person_is_read_and_written_about(school: School) -> None:
    program = Program(school)
    found = program.get("/people/p2")
    assert found["person"]["phone"] == "13800130002"
    assert found["purchases"][0]["amount"] == "99"
    assert found["channels"][0]["consent"] == "unknown"
    note = program.post(
        "/people/p2/follow-ups", {"kind": "call", "text": "likes it", "due_on": "2026-12-01"}, 201
    )
    program.post(f"/people/p2/follow-ups/{note['id']}/done", {"done": True}, 204)
    (row,) = program.get("/people/p2/follow-ups")["items"]
    assert (row["text"], row["due_on"], row["done_at"][:10]) == ("likes it", "2026-12-01", "2026-11-15")
    program.post("/people/p2/intentions/c1", {"level": "high"}, 204, "PUT")
    assert program.get("/people/p2/intentions")["items"][0]["level"] == "high"
    program.post("/people/p2/consent/email", {"granted": False}, 204, "PUT")
    channel = {one["channel"]: one for one in program.get("/people/p2")["channels"]}["email"]
    assert (channel["consent"], channel["suppressions"][0]["reason"]) == ("denied", "opt_out")
    kinds = [moment["kind"] for moment in program.get("/people/p2/timeline?limit=5")["items"]]
    assert {"paid", "call"} <= set(kinds)


def test_a_campaign_from_file_to_the_outbox(school: School) -> None:
    program = Program(school)
    ident = program.post("/campaigns", FILE, 201)["id"]
    assert program.get(f"/campaigns/{ident}/preflight")["reached"] == PEOPLE / 2
    assert program.get(f"/campaigns/{ident}/file")["file"]["subject"] == "Hello"
    assert program.post(f"/campaigns/{ident}/launch")["state"] == "freezing"
    again = program.call("POST", f"/campaigns/{ident}/launch")
    assert (again.status_code, again.get_json()["error"]) == (409, "campaign.bad_state")
    while jobs.burst(school.crm):
        pass
    assert program.get(f"/campaigns/{ident}")["books"]["sent"] == PEOPLE / 2
    rows = program.get(f"/campaigns/{ident}/rows?what=sent&limit=4")
    rest = program.get(f"/campaigns/{ident}/rows?what=sent&limit=4&after={rows['next']}")
    assert [len(rows["items"]), len(rest["items"]), rest["next"]] == [4, 2, None]
    assert program.get(f"/campaigns/{ident}/messages")["items"][0]["text"].startswith("Dear")
    assert program.get("/campaigns")["items"][0]["books"]["sent"] == PEOPLE / 2


@on_sqlite
def test_an_export_is_made_by_a_worker_and_fetched(school: School) -> None:
    program = Program(school)
    asked = {"tree": BUYERS, "columns": ["host_id", "email"], "format": "csv"}
    ident = program.post("/exports", asked, 202)["id"]
    assert program.call("GET", f"/exports/{ident}/file").status_code == 404
    exports.make_due(school.crm)
    answer = program.call("GET", f"/exports/{ident}/file")
    assert "p2@example.com" in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    answer.close()


@on_sqlite
def test_addresses_are_stopped_and_let_go(school: School) -> None:
    program = Program(school)
    program.post("/stopped", {"channel": "sms", "address": "13800130002"}, 204)
    stopped = {one["channel"]: one["suppressions"] for one in program.get("/people/p2")["channels"]}
    assert [one["reason"] for one in stopped["sms"]] == ["manual"]
    (row,) = program.get("/stopped?address=138%200013%200002")["items"]
    program.post(f"/stopped/{row['id']}", None, 204, "DELETE")
    assert program.get("/stopped") == {"items": [], "next": None}


@on_sqlite
def test_a_token_is_kept_as_a_hash_and_noted_when_used(school: School) -> None:
    program = Program(school, "crm.view")
    assert program.get("/me")["permissions"] == ["crm.view"]
    with school.crm.db.read() as session:
        (row,) = session.scalars(sa.select(Token))
    assert program.token not in str(vars(row))
    assert row.last_used_at == NOW
    school.crm.clock.move(seconds=30)  # type: ignore[attr-defined]
    program.get("/me")
    with school.crm.db.read() as session:
        assert session.scalar(sa.select(Token.last_used_at)) == NOW  # once a minute is enough


@on_sqlite
def test_a_token_ends_when_revoked_or_run_out(school: School) -> None:
    program = Program(school, expires_at=NOW.replace(hour=13))
    other = Program(school)
    token_actors.revoke(school.crm, ADMIN, other.id)
    school.crm.clock.move(hours=2)  # type: ignore[attr-defined]
    for one in (program, other):
        answer = one.call("GET", "/me")
        assert (answer.status_code, answer.get_json()["error"]) == (401, "access.bad_token")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@on_sqlite
@pytest.mark.parametrize("text", ["", "crm_", "crm_guessed", "x" * 5000, "crm_\u00e9"])
def test_a_forged_token_opens_nothing_not_even_with_a_session(school: School, text: str) -> None:
    headers = {"Authorization": f"Bearer {text}".encode().decode("latin-1")}
    answer = school.client.get("/admin/crm/api/v1/me", headers=headers)
    assert (answer.status_code, answer.get_json()["error"]) == (401, "access.bad_token")


@on_sqlite
def test_pages_take_no_token(school: School) -> None:
    program = Program(school)
    headers = {"Authorization": f"Bearer {program.token}"}
    answer = school.client.get("/admin/crm/people", headers=headers)
    assert answer.status_code == 302


@on_sqlite
def test_a_token_does_what_it_may_and_nothing_else(school: School) -> None:
    program = Program(school, "crm.view")
    answer = program.call("GET", "/people/p2")
    assert answer.get_json()["person"]["phone"] != "13800130002"
    assert answer.get_json()["purchases"][0]["amount"] is None
    for method, path in (
        ("POST", "/campaigns"),
        ("POST", "/exports"),
        ("GET", "/tokens"),
        ("GET", "/settings"),
    ):
        refused = program.call(method, path, {})
        assert (refused.status_code, refused.get_json()["error"]) == (403, "access.refused"), path


@on_sqlite
def test_only_who_sees_the_whole_school_makes_tokens(school: School) -> None:
    limited = Program(school, scope=["c1"])
    answer = limited.call("POST", "/tokens", {"name": "x", "permissions": ["crm.admin"]})
    assert (answer.status_code, answer.get_json()["error"]) == (403, "access.limited")


UNKNOWN = {"combinator": "and", "rules": [{"field": "no"}]}
BAD: tuple[tuple[str, str, Any, str, str], ...] = (
    (
        "POST",
        "/segments/count",
        {"combinator": "and", "rules": [{"field": "no"}]},
        "segment.unknown_field",
        "rules[0].field",
    ),
    ("POST", "/segments/people?limit=501", EVERYBODY, "input.bad", "limit"),
    ("POST", "/segments/people?sort=phone", EVERYBODY, "input.bad", "sort"),
    ("POST", "/segments/people?order=id", EVERYBODY, "input.bad", "order"),
    ("POST", "/segments/count?at=2026-01-01T00:00:00", EVERYBODY, "input.bad", "at"),
    ("POST", "/queries", {"name": "x"}, "input.bad", "tree"),
    ("POST", "/queries", {"name": 1, "tree": EVERYBODY}, "input.bad", "name"),
    ("POST", "/exports", {"tree": EVERYBODY, "columns": ["id", "no"]}, "input.bad", "columns[0]"),
    ("POST", "/campaigns", {**FILE, "html": 5}, "campaign.bad_value", "html"),
    ("POST", "/people/p2/follow-ups", {"kind": "shout", "text": "x"}, "input.bad", "kind"),
    ("POST", "/tokens", {"name": "x", "permissions": ["crm.all"]}, "input.bad", "permissions[0]"),
)


@on_sqlite
@pytest.mark.parametrize(("method", "path", "sent", "code", "place"), BAD)
def test_bad_input_is_told_with_code_and_place(
    school: School, method: str, path: str, sent: Any, code: str, place: str
) -> None:
    answer = Program(school).call(method, path, sent)
    told = answer.get_json()
    assert (answer.status_code, told["error"], told["place"]) == (400, code, place)
    assert told["message"]


@on_sqlite
@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"a": 1, "a": 2}', b"[" * 100_000, b"\xff", b'{"combinator": NaN}']
)
def test_what_is_no_json_is_refused(school: School, body: bytes) -> None:
    program = Program(school)
    headers = {"Authorization": f"Bearer {program.token}"}
    answer = school.client.post("/admin/crm/api/v1/segments/count", data=body, headers=headers)
    assert (answer.status_code, answer.get_json()["error"]) == (400, "input.not_json")


@on_sqlite
def test_a_huge_body_is_refused_unread(school: School) -> None:
    program = Program(school)
    headers = {"Authorization": f"Bearer {program.token}"}
    body = b" " * (LARGEST_BODY + 1)
    answer = school.client.post("/admin/crm/api/v1/segments/count", data=body, headers=headers)
    assert (answer.status_code, answer.get_json()["error"]) == (400, "input.bad")


@on_sqlite
def test_a_session_is_asked_for_the_token_of_forms_and_a_program_is_not(
    school: School,
) -> None:
    app = Flask("guarded")
    app.config.update(SECRET_KEY="a key of the school", TESTING=True)
    CSRFProtect(app)  # the school guards every POST of its own
    app.register_blueprint(pages(school.crm))
    school.app, school.client = app, app.test_client()
    path = "/admin/crm/api/v1/segments/count"
    forged = school.client.post(path, json=EVERYBODY)
    assert (forged.status_code, forged.get_json()["error"]) == (400, "access.stale_form")
    token = school.csrf()
    assert school.client.post(path, json=EVERYBODY, headers={"X-CSRFToken": token}).status_code == 200
    assert school.post("/campaigns/new").status_code == 302
    assert Program(school).post("/segments/count", EVERYBODY)["count"] == PEOPLE


@on_sqlite
def test_the_page_shows_a_token_once(school: School) -> None:
    assert "No tokens yet" in school.get("/tokens").text
    form = {
        "name": "Reports <1>",
        "permission": ["crm.view", "crm.export"],
        "scope": "c1",
        "expires": "2026-12-31",
    }
    made = school.post("/tokens/new", form)
    assert made.headers["Cache-Control"] == "no-store"
    text = made.text.partition('value="crm_')[2].partition('"')[0]
    assert len(text) == 43
    later = school.get("/tokens").text
    assert text not in later
    assert "Reports &lt;1&gt;" in later
    assert "Piano &lt;b&gt;one" in later  # the course that it is limited to, by its title
    with school.crm.db.read() as session:
        (row,) = session.scalars(sa.select(Token))
    assert (row.permissions, row.scope) == (["crm.view", "crm.export"], ["c1"])
    assert row.expires_at is not None
    assert row.expires_at.isoformat() == "2026-12-31T16:00:00+00:00"  # the end of that day in Shanghai
    school.post(f"/tokens/{row.id}/revoke")
    assert "Revoked" in school.get("/tokens").text


@on_sqlite
@pytest.mark.parametrize(
    "form",
    [{"name": ""}, {"name": "x", "permission": "crm.all"}, {"name": "x", "expires": "soon"}, {"name": "x"}],
)
def test_the_page_says_what_is_wrong_with_a_token(school: School, form: dict[str, str]) -> None:
    answer = school.post("/tokens/new", form)
    assert answer.status_code == 400
    with school.crm.db.read() as session:
        assert session.scalars(sa.select(Token)).all() == []
