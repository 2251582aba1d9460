"""What no database can hold is refused in words, on every page, before one is asked."""

import base64
import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from crm_plugin.segments.language.documents import rule
from crm_plugin.segments.language.parse import DEPTH
from crm_plugin.segments.models import QuickQuery
from crm_plugin.web.shell.guard import Route
from tests.fakes.crm import NOW
from tests.web.fixtures import School
from tests.web.routes import ROUTES
from tests.web.test_guard import path_of
from tests.web.test_pages import on_sqlite

EVERYBODY = '{"combinator":"and","rules":[]}'
NUL = "a\0b"
REFUSED = "a character in it cannot be stored"
FORMS = [
    ("/people/1/tag", "tag", {}),
    ("/people/1/intention", "course", {"level": "high"}),
    ("/people/1/notes", "text", {"kind": "note"}),
    ("/topics/new", "name_zh", {"name": "A"}),
    ("/stopped/block", "address", {"channel": "email"}),
    ("/tokens/new", "name", {"permission": "crm.view"}),
    ("/people/selected", "tag", {"do": "tag", "mode": "all", "tree": EVERYBODY}),
    ("/people/selected", "no\0 field", {"do": "next", "tree": EVERYBODY}),
]


def asked(client: FlaskClient, route: Route, path: str, token: str) -> Any:
    headers = {"X-CSRFToken": token}
    return client.open(f"/admin/crm{path}", method=route.methods[0], headers=headers)


@on_sqlite
@pytest.mark.parametrize("ident", ["9223372036854775808", "1" + "0" * 30, "9" * 4000])
def test_an_id_beyond_64_bits_is_no_page(school: School, ident: str) -> None:
    token = school.csrf()
    for route in ROUTES:
        path = re.sub("<int:[a-z]+>", ident, route.rule)
        if path != route.rule:
            known = path_of(Route(path, "", "", route.methods, route.view)).removeprefix("/admin/crm")
            answer = asked(school.client, route, known, token)
            assert answer.status_code == 404, route
            assert "There is no such page." in answer.text, route


@on_sqlite
def test_a_path_that_no_row_can_be_named_by_is_no_page(school: School) -> None:
    token = school.csrf()
    for route in ROUTES:
        if re.search("<[a-z_]+>", route.rule):
            path = re.sub("<[a-z_]+>", "a%00b", route.rule).replace("<int:note>", "1")
            answer = asked(school.client, route, path.replace("<int:topic>", "1"), token)
            assert (answer.status_code, "There is no such page." in answer.text) == (404, True), route


def test_a_nul_in_a_form_is_refused_with_its_field(school: School) -> None:
    for path, field, more in FORMS:
        answer = school.post(path, {**more, field: NUL})
        refused = REFUSED[1:] in answer.text  # alone, it begins like a sentence
        assert (answer.status_code, refused) == (400, True), path
        assert (field in answer.text) == (field != "no\0 field"), path


def test_a_nul_in_an_address_is_refused(school: School) -> None:
    for path in ("/outbox?channel=a%00b", "/people/pick/course?q=%00", "/sms-templates/new?from=%00"):
        assert (school.get(path).status_code, REFUSED in school.get(path).text) == (400, True), path


@on_sqlite
@pytest.mark.parametrize(
    ("tree", "said"),
    [
        (
            '{"combinator":"and","rules":[{"field":"city","operator":"=","value":"\\ud800"}]}',
            "rules[0].value",
        ),
        ('{"combinator":"and","rules":[{"field":"\\u0000","operator":"=","value":1}]}', "rules[0].field"),
        ("[" * 61 + "]" * 61, "nested too deeply"),
        ("[" * 90_000 + "]" * 90_000, "nested too deeply"),
    ],
)
def test_a_document_that_cannot_be_kept_names_its_place(school: School, tree: str, said: str) -> None:
    answer = school.get("/people", query_string={"tree": tree})
    assert answer.status_code == 400
    assert said in answer.text


@on_sqlite
def test_a_number_that_is_no_number_counts_as_left_out(school: School) -> None:
    for number in ("٣", "1_0", "-1", "9223372036854775808", "1e400", "NaN", "", "9" * 5000):
        path = f"/people?query={number}&draft={number}&days={number}&channel=sms"
        assert school.get(path).status_code == 200, number


@on_sqlite
def test_a_saved_search_deeper_than_the_limit_opens_and_says_so(school: School) -> None:
    tree: dict[str, Any] = {"combinator": "and", "rules": [rule("paid_count", ">=", 1)]}
    for _ in range(DEPTH):
        tree = {"combinator": "or", "rules": [tree]}
    with school.crm.db.begin() as session:
        at = {"created_at": NOW, "updated_at": NOW}
        session.add(QuickQuery(id=7, name="Deep", tree=tree, owner="admin", **at))
    for path in ("/people?query=7", "/queries"):
        page = school.get(path)
        assert page.status_code == 200
        assert f"groups are nested deeper than {DEPTH}" in page.text


def place(*parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


@on_sqlite
@pytest.mark.parametrize(
    "path",
    [
        *(
            f"/people?sort=-paid_total&after={place(*bad)}"
            for bad in (["1e400", 1], ["NaN", 1], ["1", 2**70])
        ),
        f"/people?sort=paid_count&after={place('9' * 30, 1)}",
        f"/people?sort=last_active_at&after={place('0001-01-01T00:00:00+14:00', 1)}",
        "/people/1?after=0001-01-01T00:00:00%2B14:00~0",
    ],
)
def test_a_position_that_no_list_has_is_refused(school: School, path: str) -> None:
    assert school.get(path).status_code == 400


@on_sqlite
@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/people/count", {"r:n": "9" * 5000}),
        ("/people/selected", {"do": "next", "tree": EVERYBODY, "shown": '{"a":' * 1200}),
        ("/people/selected", {"do": "page", "tree": EVERYBODY, "shown": '["\\ud800"]'}),
    ],
)
def test_a_form_without_an_end_is_no_failure(school: School, path: str, form: dict[str, str]) -> None:
    assert school.post(path, form).status_code in (200, 400)


@on_sqlite
def test_a_query_that_is_no_digit_is_none(school: School) -> None:
    for why in ("q9223372036854775808", "c" + "9" * 150):
        assert school.get(f"/people/1?why={why}").status_code == 200
