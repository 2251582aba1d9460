"""What leaves us: no answer with people in it is kept, programs get JSON, nobody is led to another site."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask

from crm_plugin.demo.accounts import back
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.network.web_address import is_path
from crm_plugin.segments.bulk import exports
from crm_plugin.segments.listing.subsets import Part
from tests.web.fixtures import School, open_school
from tests.web.routes import ROUTES

on_sqlite = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
EVERYBODY: dict[str, Any] = {"combinator": "and", "rules": []}
HOST_SAYS = "a page of the school"


@pytest.fixture
def school(database: Database, tmp_path: Path) -> School:
    found = open_school(database, tmp_path)
    for status in (400, 404, 405, 413, 415):
        found.app.register_error_handler(status, lambda error: (HOST_SAYS, error.code))
    return found


def is_kept_nowhere(answer: Any) -> bool:
    head = answer.headers
    return [head.get(name) for name in ("Cache-Control", "X-Content-Type-Options")] == ["no-store", "nosniff"]


@on_sqlite
def test_no_answer_is_kept_by_a_browser_or_on_the_way(school: School) -> None:
    reads = [route.rule for route in ROUTES if route.methods == ("GET",) and "<" not in route.rule]
    assert len(reads) > 30
    kept = []
    for rule in [*reads, "/people/2", "/campaigns/pick/person", "/api/v1/people/p1", "/people/exports/9"]:
        with school.get(rule) as answer:
            kept += [] if is_kept_nowhere(answer) else [rule]
    assert kept == []
    assert is_kept_nowhere(school.post("/people/count", {"csrf_token": "old"}))
    assert is_kept_nowhere(school.client.get("/admin/crm/people", headers={"HX-Request": "true"}))
    reader = school.host.actor
    assert reader is not None
    ident = exports.queue(school.crm, reader, exports.Wanted(Part(EVERYBODY), ["email"], "csv"))
    exports.make_due(school.crm)
    for path in (f"/people/exports/{ident}", f"/api/v1/exports/{ident}/file"):
        with school.get(path) as answer:
            assert answer.status_code == 200
            assert is_kept_nowhere(answer)
    school.host.actor = None
    assert is_kept_nowhere(school.get("/people"))
    assert is_kept_nowhere(school.get("/api/v1/me"))


FAULTS: list[tuple[str, str, int]] = [
    ("GET", "/api/v1/nope", 404),
    ("HEAD", "/api/v1/nope", 404),
    ("GET", "/api/v1/", 404),
    ("GET", "/api/v1", 404),
    ("GET", "/api/", 404),
    ("GET", "/api", 404),
    ("GET", "/api/v2/people", 404),
    ("GET", "/api/v1/me/", 404),
    ("GET", "/api/v1/people/%00", 404),
    ("GET", "/api/v1/people/nobody", 404),
    ("GET", "/api/v1/campaigns/abc", 404),
    ("GET", f"/api/v1/campaigns/{'9' * 40}", 404),
    ("GET", "/api/v1/exports/99/file", 404),
    ("POST", "/api/v1/me", 405),
    ("DELETE", "/api/v1/me", 405),
    ("FOO", "/api/v1/me", 405),
    ("POST", "/api/v1/segments/count", 400),
    ("GET", "/api/v1/campaigns?limit=x", 400),
    ("GET", "/api/v1/people/p1/timeline?after=x", 400),
]


@on_sqlite
@pytest.mark.parametrize("mine", [False, True])
def test_a_program_gets_json_also_where_the_school_answers_faults_itself(school: School, mine: bool) -> None:
    if not mine:
        school.app.error_handler_spec.pop(None)
    for method, path, status in FAULTS:
        answer = school.client.open(f"/admin/crm{path}", method=method, data=b"{")
        assert (answer.status_code, answer.mimetype) == (status, "application/json"), (method, path)
        assert is_kept_nowhere(answer)
        document: Any = answer.json if method != "HEAD" else {"error": "x", "message": "x", "place": ""}
        assert set(document) == {"error", "message", "place"}
    if mine:
        assert school.client.get("/admin/crm/apix").text == HOST_SAYS
        assert school.client.get("/elsewhere").text == HOST_SAYS


LEADING_AWAY = [
    "//host",
    "///host",
    "/\\host",
    "\\\\host",
    "/\t/host",
    "/\n/host",
    "/\r\n/host",
    "\t//host",
    "/\x00/host",
    "/\x0b/host",
    "/x\\y",
    " /x",
    "/x\r\nSet-Cookie: a=b",
    "http://host/",
    "https:host",
    "javascript:alert(1)",
    "data:text/html,x",
    "host",
    "",
]
INSIDE = ["/", "/courses/1?x=1#y", "/课程/1", "/a//b", "/%09/host", "/x?next=//host"]


@pytest.mark.parametrize("target", LEADING_AWAY)
def test_nobody_is_led_to_another_site(target: str) -> None:
    assert not is_path(target)
    with Flask("school").test_request_context(f"/login?{urlencode({'next': target})}"):
        assert back("/home").location == "/home"


@pytest.mark.parametrize("target", INSIDE)
def test_a_page_of_the_site_is_come_back_to(target: str) -> None:
    assert is_path(target)
    with Flask("school").test_request_context(f"/login?{urlencode({'next': target})}"):
        assert back("/home").location != "/home"
