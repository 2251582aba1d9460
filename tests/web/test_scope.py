"""Somebody who is limited to two courses learns nothing of anybody outside, by whatever door they try.

Every route of the application has a case here: one that names an object is tried with one outside; one that
names none is asked, and its answer searched for what must stay unsaid. The first test finds a missing case.
"""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from crm_plugin.campaigns import access
from crm_plugin.campaigns.reporting import messages
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import NotFound
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments import queries, service
from crm_plugin.segments.bulk import exports
from crm_plugin.segments.listing.subsets import Part
from crm_plugin.web.shell.guard import Route
from tests.web.automation_changes import AUTOMATION_BODIES, AUTOMATIONS_OUTSIDE, AUTOMATIONS_PLAIN
from tests.web.board_changes import BOARDS_PLAIN
from tests.web.course_changes import COURSES_PLAIN
from tests.web.limits import (
    ADMIN,
    CLOSED,
    EVERYBODY,
    LIMITED,
    SECRETS,
    Limits,
    file_of_campaign,
    open_limits,
    people_of,
)
from tests.web.routes import ROUTES
from tests.web.topic_changes import PLACES, TOPIC_BODIES, TOPICS_OUTSIDE, TOPICS_PLAIN

API = "/api/v1"


@pytest.fixture
def limits(database: Database, tmp_path: Path) -> Limits:
    """The school with a limited actor at the screen."""
    return open_limits(database, tmp_path)


on_sqlite = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)

# Where an object is named: the beginning of a rule → the object outside, by its name in `Limits.ids`.
OUTSIDE = {
    f"{API}/campaigns/": "theirs",
    f"{API}/outbox/": "test",
    f"{API}/people/": "out1",
    f"{API}/segments/explain/": "out1",
    f"{API}/queries/": "private",
    f"{API}/exports/": "export",
    f"{API}/tokens/": "token",
    "/campaigns/<": "theirs",
    "/people/exports/<": "export",
    "/people/<": "out1",
    "/queries/<": "private",
    "/outbox/<": "test",
    "/tokens/<": "token",
    "/undo/<": "note",
    "/stopped/<": "stopped",
    f"{API}/stopped/<": "stopped",
    f"{API}/replies/<": "reply",
    **TOPICS_OUTSIDE | AUTOMATIONS_OUTSIDE,
}
BODIES: dict[str, Any] = {
    "api_replace_campaign": {"name": "x"},
    "api_copy_campaign": {"name": "Copy"},
    "api_test_campaign": {"address": "a@example.com"},
    "api_resolve_campaign": {"decision": "sent"},
    "api_add_follow_up": {"kind": "note", "text": "x"},
    "api_replace_follow_up": {"kind": "note", "text": "x"},
    "api_mark_follow_up": {"done": True},
    "api_set_intention": {"level": "high"},
    "api_set_consent": {"granted": False},
    **TOPIC_BODIES | AUTOMATION_BODIES,
    "api_create_message": {"name": "x", "channel": "email", "subject": "x", "html": "<p>x</p>"},
    "api_change_quick_query": {"name": "x"},
    "api_explain_person": EVERYBODY,
}

FORM = {
    "answer": "denied",
    "channel": "email",
    "name": "x",
    "kind": "note",
    "text": "x",
    "course": "c1",
    "level": "high",
    "decision": "sent",
}

# Where no object is named: what the answer must be.
PLAIN: dict[str, tuple[str, Any, int]] = {
    "home": ("/", None, 200),
    "people": ("/people?sort=-paid_total", None, 200),
    **BOARDS_PLAIN,
    "queries": ("/queries", None, 200),
    "campaigns": ("/campaigns", None, 200),
    "campaign_new": ("/campaigns/new", {}, 302),
    "compose_pick": ("/campaigns/pick/person", None, 200),
    "outbox": ("/outbox", None, 200),
    "sms_templates": ("/sms-templates", None, 200),
    "health": ("/health", None, 200),
    "api_get_openapi": (f"{API}/openapi.json", None, 200),
    "api_get_me": (f"{API}/me", None, 200),
    "api_get_home": (f"{API}/home", None, 200),
    "api_list_campaigns": (f"{API}/campaigns", None, 200),
    "api_create_campaign": (
        f"{API}/campaigns",
        {"name": "x", "channel": "email", "audience": EVERYBODY},
        201,
    ),
    "api_list_outbox_messages": (f"{API}/outbox", None, 200),
    "api_list_exports": (f"{API}/exports", None, 200),
    "api_create_export": (f"{API}/exports", {"tree": EVERYBODY}, 202),
    "api_find_courses": (f"{API}/courses", None, 200),
    "api_find_labels": (f"{API}/labels/tag", None, 200),
    "api_list_unread_replies": (f"{API}/replies", None, 200),
    "api_list_audit": (f"{API}/audit", None, 403),
    "api_list_stopped_addresses": (f"{API}/stopped", None, 403),
    "api_stop_address": (f"{API}/stopped", {"channel": "email", "address": "olga@outside.example"}, 403),
    **TOPICS_PLAIN | AUTOMATIONS_PLAIN,
    **COURSES_PLAIN,
    **CLOSED,
    "api_list_quick_queries": (f"{API}/queries", None, 200),
    "api_create_quick_query": (f"{API}/queries", {"name": "x", "tree": EVERYBODY}, 201),
    "api_get_health": (f"{API}/health", None, 200),
    "api_list_settings": (f"{API}/settings", None, 200),
    "api_read_school": (f"{API}/data/read", {}, 403),
    "api_confirm_gone_rows": (f"{API}/data/confirm", {"stream": "persons"}, 403),
    "api_list_bad_rows": (f"{API}/data/bad-rows", None, 403),
    "api_list_tokens": (f"{API}/tokens", None, 403),
    "api_create_token": (f"{API}/tokens", {"name": "x", "permissions": ["crm.view"]}, 403),
    "api_count_people": (f"{API}/segments/count", EVERYBODY, 200),
    "api_list_person_ids": (f"{API}/segments/ids", EVERYBODY, 200),
    "api_list_people": (f"{API}/segments/people?sort=-paid_total", EVERYBODY, 200),
    "api_describe_segment": (f"{API}/segments/describe", EVERYBODY, 200),
    "api_count_reach": (f"{API}/segments/reach?channel=email", EVERYBODY, 200),
    "api_list_fields": (f"{API}/fields", None, 200),
}
ABOUT_TEXTS = ("/sms-templates/", f"{API}/sms-templates")


def is_plain(route: Route) -> bool:
    return route.name in PLAIN


def outside_of(route: Route) -> str | None:
    """Return the name of the object outside that a route can be tried with."""
    return next((name for start, name in OUTSIDE.items() if route.rule.startswith(start)), None)


def is_about_texts(route: Route) -> bool:
    return route.rule.startswith(ABOUT_TEXTS)


def path_to(route: Route, ids: dict[str, int], name: str) -> str:
    path = route.rule.replace("<int:ident>", str(ids.get(name, 0))).replace("<person_id>", name)
    values = {"<int:note>": str(ids["note"]), "<int:reply>": str(ids["reply"]), **PLACES}
    for place, value in values.items():
        path = path.replace(place, value)
    assert "<" not in path, f"{route.name}: say what {path} means"
    return path


def send(limits: Limits, method: str, path: str, body: Any) -> TestResponse:
    """Send a request as the limited person; what changes something by the API, as a program like them."""
    options: dict[str, Any] = {}
    if path.startswith(API) and method != "GET":
        options["headers"] = {"Authorization": f"Bearer {limits.token}"}
        options["json"] = body
    elif method == "POST":
        return limits.school.post(path, body)
    return limits.school.client.open(f"/admin/crm{path}", method=method, **options)


def tells_nothing(answer: TestResponse) -> None:
    found = [secret for secret in SECRETS if secret in answer.text]
    assert not found, (answer.request.path, found)


@on_sqlite
def test_every_route_has_a_case(db_kind: str) -> None:
    cases: dict[str, Callable[[Route], object]] = {
        "plain": is_plain,
        "outside": lambda route: "<" in route.rule and outside_of(route),
        "texts": is_about_texts,
    }
    without = [route.name for route in ROUTES if not any(case(route) for case in cases.values())]
    assert without == [], "add a case to PLAIN or OUTSIDE of this test"


@on_sqlite
def test_what_is_outside_is_not_found_by_any_route(limits: Limits) -> None:
    before = _audited(limits)
    for route in ROUTES:
        name = outside_of(route)
        if is_plain(route) or name is None or "<" not in route.rule:
            continue
        path = path_to(route, limits.ids, name)
        answer = send(limits, route.methods[0], path, BODIES.get(route.name, FORM))
        if answer.status_code == 302:  # to a page that says why not
            answer = limits.school.client.get(answer.location.partition("#")[0])
        else:
            assert answer.status_code in (403, 404), (route.name, answer.status_code, answer.text[:300])
        tells_nothing(answer)
    assert _audited(limits) == before  # nothing was done


@on_sqlite
def test_what_is_outside_and_what_is_nowhere_get_the_same_answer(limits: Limits) -> None:
    for route in ROUTES:
        name = outside_of(route)
        if is_plain(route) or name is None or "<" not in route.rule:
            continue
        body = BODIES.get(route.name, FORM)
        there = send(limits, route.methods[0], path_to(route, limits.ids, name), body)
        nowhere = send(
            limits,
            route.methods[0],
            path_to(route, {**limits.ids, name: 10**6}, name).replace("out1", "nobody"),
            body,
        )
        assert there.status_code == nowhere.status_code, route.name
        if route.name.startswith("api_"):
            told = there.text.replace("out1", "nobody").replace(f" {limits.ids[name]}", f" {10**6}")
            assert told == nowhere.text, route.name


@on_sqlite
def test_plain_routes_tell_nothing_of_who_is_outside(limits: Limits) -> None:
    methods = {route.name: route.methods[0] for route in ROUTES}
    for name, (path, body, status) in PLAIN.items():
        answer = send(limits, methods[name], path, body)
        assert answer.status_code == status, (name, answer.status_code, answer.text[:300])
        tells_nothing(answer)


INSIDE = {
    "repeating": ("own_repeating",),
    "chase": ("own_chase",),
    "theirs": ("own", "own_draft"),
    "out1": ("in1", "in2"),
    "private": ("mine", "shared"),
}


@on_sqlite
def test_pages_of_what_is_inside_tell_nothing_of_the_rest(limits: Limits) -> None:
    opened = 0
    for route in ROUTES:
        names = INSIDE.get(outside_of(route) or "", ())
        if route.methods[0] != "GET" or is_plain(route) or "<" not in route.rule:
            continue
        for name in names:
            answer = send(limits, "GET", path_to(route, limits.ids, name), None)
            # A draft has no report, a launched campaign no composer: then there is a reason instead.
            assert answer.status_code in (200, 302, 403, 409), (route.name, name, answer.text[:300])
            tells_nothing(answer)
            opened += answer.status_code == 200
    assert opened > 25


@on_sqlite
def test_pickers_offer_nothing_of_outside(limits: Limits) -> None:
    for what in ("course", "class", "tag", "crm_tag", "category", "query", "person"):
        for path in (f"/people/pick/{what}", f"/campaigns/pick/{what}"):
            for text in ("", "o", "secret", "out"):
                tells_nothing(limits.school.get(f"{path}?q={text}"))


PROBES: tuple[dict[str, Any], ...] = (
    {"field": "id", "operator": "=", "value": "out1"},
    {"field": "id", "operator": "notIn", "value": ["in1", "in2"]},
    {"field": "display_name", "operator": "contains", "value": "Outside"},
    {"field": "email", "operator": "=", "value": "olga@outside.example"},
    {"field": "tags", "operator": "contains", "value": "outside-tag"},
    {"field": "interest_tags", "operator": "contains", "value": "hidden-topic"},
    {"field": "paid_total", "operator": ">", "value": "100"},
    {"field": "paid_count", "operator": ">", "value": 1},
    {"field": "refunded_total", "operator": ">", "value": "0"},
    {"field": "last_paid_at", "operator": ">", "value": "2026-11-01T00:00:00Z"},
    {"field": "last_learned_at", "operator": ">", "value": "2026-10-20T00:00:00Z"},
    {"field": "last_active_at", "operator": ">", "value": "2026-10-20T00:00:00Z"},
    {"field": "orders", "aggregate": "sum:amount", "operator": ">", "value": "100"},
    {"field": "orders", "aggregate": "distinct:course_id", "operator": ">", "value": 1},
    {"field": "orders", "match": {"mode": "atLeast", "threshold": 2}},
    {"field": "enrolments", "match": {"mode": "atLeast", "threshold": 2}},
    {
        "field": "orders",
        "match": {"mode": "some"},
        "value": {"combinator": "and", "rules": [{"field": "course_id", "operator": "=", "value": "c3"}]},
    },
    {
        "field": "signals",
        "match": {"mode": "some"},
        "value": {"combinator": "and", "rules": [{"field": "course_id", "operator": "=", "value": "c3"}]},
    },
    {"field": "deliveries", "match": {"mode": "atLeast", "threshold": 2}},
)
"""Each is true of somebody in the school, and of nobody as far as the limited actor may look."""


def test_no_condition_is_an_oracle(limits: Limits) -> None:
    for probe in PROBES:
        tree = {"combinator": "and", "rules": [probe]}
        assert service.count(limits.crm, tree, actor=ADMIN).count > 0, probe
        assert service.count(limits.crm, tree, actor=LIMITED).count == 0, probe
        (name, *_) = list(service.ids(limits.crm, tree, actor=ADMIN))
        if name.startswith("in"):
            assert not service.explain(limits.crm, tree, name, actor=LIMITED).outcome, probe
        else:
            with pytest.raises(NotFound):
                service.explain(limits.crm, tree, name, actor=LIMITED)


def test_facts_of_people_inside_are_those_of_the_two_courses(limits: Limits) -> None:
    answer = send(limits, "POST", f"{API}/segments/people?sort=-paid_total", EVERYBODY)
    rows = {row["host_id"]: row for row in answer.get_json()["items"]}
    assert [row["host_id"] for row in answer.get_json()["items"]] == ["in1", "in2"]
    ina = rows["in1"]
    assert (ina["paid_count"], Decimal(ina["paid_total"])) == (1, Decimal(99))
    assert ina["last_paid_at"].startswith("2026-10-26")
    assert ina["last_learned_at"].startswith("2026-10-16")
    assert ina["last_active_at"] is None  # what she did last she did elsewhere


@on_sqlite
def test_counts_are_of_people_inside(limits: Limits) -> None:
    assert send(limits, "POST", f"{API}/segments/count", EVERYBODY).get_json()["count"] == 2
    steps = send(limits, "POST", f"{API}/segments/reach?channel=email&days=0", EVERYBODY).get_json()["steps"]
    assert steps["matched"] == 2
    saved = send(limits, "GET", f"{API}/queries", None).get_json()["items"]
    assert {row["name"]: row["count"] for row in saved} == {"Shared by a colleague": None, "Mine": 2}
    pins = limits.school.host.pins
    assert pins == {} or pins["lim"][0].count == 2


@on_sqlite
def test_the_title_of_a_course_outside_is_not_filled_in(limits: Limits) -> None:
    answer = send(limits, "POST", f"{API}/campaigns", {**file_of_campaign(), "course": "c3"})
    assert (answer.status_code, answer.get_json()["error"]) == (404, "object.missing")
    inside = send(limits, "POST", f"{API}/campaigns", {**file_of_campaign(), "course": "c1"})
    assert inside.status_code == 201


@on_sqlite
def test_an_export_of_theirs_holds_nobody_outside(limits: Limits) -> None:
    wanted = exports.Wanted(Part(EVERYBODY), ["display_name", "paid_total", "last_learned_at"], "csv")
    ident = exports.queue(limits.crm, LIMITED, wanted)
    exports.make_due(limits.crm)
    text = exports.file_of(limits.crm, LIMITED, ident).read_text("utf-8-sig")
    assert "Ina Inside" in text
    assert not [secret for secret in SECRETS if secret in text]


@on_sqlite
def test_who_leaves_the_courses_is_gone_from_old_campaigns_too(limits: Limits) -> None:
    host = limits.school.host
    host.remove("orders", "o3")
    host.remove("signals", "s2")
    sync(limits.crm, full=True)
    rows = people_of(limits, LIMITED, "own")
    assert {row.host_id for row in rows} == {"in1"}
    assert {row.person for row in messages.messages(limits.crm, LIMITED, limits.ids["own"])} == {"in1"}


@on_sqlite
def test_who_gets_narrower_limits_loses_what_was_decided_under_wider_ones(limits: Limits) -> None:
    narrower = LIMITED.__class__(LIMITED.id, "Lim", LIMITED.permissions, scope=frozenset({"c1"}))
    with pytest.raises(NotFound):
        access.get(limits.crm, narrower, limits.ids["own"])
    assert [row.count for row in queries.list_for(limits.crm, narrower) if row.name == "Mine"] == [None]


def _audited(limits: Limits) -> int:
    with limits.crm.db.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(AuditRow)) or 0
