"""Who may see and do what: every route, for everybody."""

import pytest

from crm_plugin.web.shell.guard import Route
from tests.web.fixtures import School
from tests.web.routes import ROUTES

IDS = {
    **{"ident": "1", "note": "1", "what": "course", "person_id": "p1", "kind": "tag", "key": "hello"},
    **{"topic": "1", "reply": "1"},
    **{"course_id": "c1", "channel": "email"},
}
pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)


def path_of(route: Route) -> str:
    path = route.rule
    for name, value in IDS.items():
        path = path.replace(f"<int:{name}>", value).replace(f"<{name}>", value)
        path = path.replace("<path:course>", "c1")
    assert "<" not in path, path
    return f"/admin/crm{path}"


def test_signed_out_leads_to_the_login(empty_school: School) -> None:
    empty_school.host.actor = None
    for route in ROUTES:
        answer = empty_school.client.open(path_of(route), method=route.methods[0])
        if "/api/" in route.rule:
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert (answer.status_code, answer.get_json()["error"]) == (401, "access.signed_out"), route
        else:
            assert answer.status_code == 302, route
            assert answer.location.startswith("http://school.example/login"), route


def test_without_the_permission_it_is_refused(empty_school: School) -> None:
    empty_school.sign_in("crm.none")
    for route in ROUTES:
        answer = empty_school.client.open(path_of(route), method=route.methods[0])
        assert answer.status_code == 403, route
        assert route.permission in answer.text, route


def test_a_change_needs_post_and_a_token(empty_school: School) -> None:
    for route in ROUTES:
        path, (method,) = path_of(route), route.methods
        if "/api/" not in route.rule:
            other = "POST" if method == "GET" else "GET"
            assert empty_school.client.open(path, method=other).status_code in (404, 405), route
        if method != "GET":
            answer = empty_school.client.open(path, method=method, data={"csrf_token": "forged"})
            assert answer.status_code == 400, route
            assert "out of date" in answer.text, route


def test_sending_needs_the_permission_to_send(db_kind: str) -> None:
    for route in ROUTES:
        if route.rule.startswith(("/campaigns", "/api/v1/campaigns", "/outbox", "/api/v1/outbox")):
            looks = route.methods == ("GET",) or route.permission == "crm.export"
            assert route.permission == "crm.send" or looks, route


def test_a_school_that_cannot_tell_who_is_there_lets_nobody_in(school: School) -> None:
    school.host.fail("host_current_actor")
    answer = school.get("/people")
    assert answer.status_code == 503
    assert "Person 01" not in answer.text


def test_htmx_is_sent_to_the_login_by_a_header(empty_school: School) -> None:
    empty_school.host.actor = None
    answer = empty_school.get("/campaigns/1/live", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"].startswith("http://school.example/login")


def test_the_wanted_page_takes_the_place_of_the_next_that_the_login_names(empty_school: School) -> None:
    empty_school.host.actor = None
    empty_school.host.garbage("host_url", "/login?next=/admin/crm/&lang=zh")
    answer = empty_school.get("/people?sort=name")
    assert answer.location == "/login?lang=zh&next=/admin/crm/people%3Fsort%3Dname"
