"""Values that no database keeps: the API answers 400 or 404 in JSON, on every route and in every place."""

import re

import pytest

from crm_plugin.web.api import ROUTES as API
from crm_plugin.web.api.route import PREFIX
from crm_plugin.web.shell.guard import Route
from tests.web.fixtures import School
from tests.web.routes import ROUTES
from tests.web.test_api import Program, on_sqlite

OPERATIONS = [route for route in ROUTES if route.rule.startswith(PREFIX)]
_VALUE = re.compile(r"<(?:(\w+):)?\w+>")


def _filled(route: Route, number: str, text: str) -> str:
    path = _VALUE.sub(lambda value: number if value[1] == "int" else text, route.rule)
    return path.removeprefix(PREFIX)


@on_sqlite
def test_an_id_that_no_database_keeps_is_not_there_on_any_route(school: School) -> None:
    program = Program(school)
    paths = [
        (route.methods[0], _filled(route, number, text))
        for route in OPERATIONS
        if "<" in route.rule
        for number, text in ((str(2**63), "p%00"), ("-1", "p%00"), ("9" * 400, "p%00"))
    ]
    assert len(paths) > 100
    for method, path in paths:
        answer = program.call(method, path, {})
        assert (answer.status_code, answer.is_json) == (404, True), (method, path, answer.text)


@on_sqlite
def test_a_number_or_text_in_the_address_that_no_database_keeps_is_refused(school: School) -> None:
    program = Program(school)
    for path in ("/campaigns?after=9223372036854775808", "/campaigns?state=a%00", "/courses?q=%00&limit=5"):
        answer = program.call("GET", path)
        assert (answer.status_code, answer.get_json()["error"]) == (400, "input.bad"), path
    assert program.call("GET", "/campaigns?after=9223372036854775807").status_code == 200


VALUES = (b'"a\\u0000b"', b'"\\ud83d"', b"9223372036854775808", b"1e400", b"-1e999", b"NaN", b"Infinity")


@on_sqlite
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/segments/count", b'{"combinator": "and", "rules": [], "id": %s}'),
        ("POST", "/queries", b'{"name": %s, "tree": {"combinator": "and", "rules": []}}'),
        ("POST", "/campaigns", b'{"name": "x", "channel": "email", "audience": {}, "holdout": %s}'),
        ("PUT", "/topics/1", b'{"name": %s}'),
        ("POST", "/topics/1/place", b'{"place": %s}'),
        ("POST", "/people/p2/messages", b'{"name": "x", "variables": {"a": %s}}'),
    ],
)
def test_a_value_of_a_body_that_no_database_keeps_is_refused(
    school: School, method: str, path: str, body: bytes
) -> None:
    headers = {"Authorization": f"Bearer {Program(school).token}"}
    client = school.app.test_client()
    for value in VALUES:
        answer = client.open(f"/admin/crm{PREFIX}{path}", method=method, data=body % value, headers=headers)
        assert (answer.status_code, answer.is_json) == (400, True), (value, answer.text)
        assert answer.get_json()["error"] in ("input.bad", "input.not_json"), value


@on_sqlite
def test_what_is_no_operation_is_answered_in_json_too(school: School) -> None:
    program = Program(school)
    for path in ("/nothing", "/campaigns/null", "/campaigns/-1/report", "/people/p2/follow-ups/x"):
        answer = program.call("GET", path)
        assert (answer.status_code, answer.get_json()["error"]) == (404, "http.404"), path
    refused = program.call("PATCH", "/campaigns/1")
    assert (refused.status_code, refused.get_json()["error"]) == (405, "http.405")
    assert refused.headers["Allow"].split(", ") == ["DELETE", "GET", "HEAD", "OPTIONS", "PUT"]
    assert not school.client.get("/elsewhere/api/v1/nothing").is_json  # the school's own addresses


@on_sqlite
@pytest.mark.parametrize("body", [[1], [], "text", 5, None])
def test_a_body_that_is_no_object_is_refused_by_every_operation_that_takes_one(
    school: School, body: object
) -> None:
    program = Program(school)
    for operation in (one for part in API for one in part.endpoints if one.shape.body is not None):
        path = _VALUE.sub(lambda value: "1" if value[1] == "int" else "p2", operation.rule)
        headers = {"Authorization": f"Bearer {program.token}"}
        sent = {"method": operation.method, "json": body, "headers": headers}
        answer = school.app.test_client().open(f"/admin/crm{path}", **sent)
        assert answer.status_code in (400, 404), (operation.name, answer.text)
