"""Whatever comes in: one line that names the place, exit 2, nothing on standard output, no traceback."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from crm_plugin.cli import flask_group
from tests.road import Road

Tree = dict[str, Any]
ALL: Tree = {"combinator": "and", "rules": []}
COUNT = ("segment", "count", "-")
CREATE = ("campaign", "create", "-")
LINK = "https://school.example/"
GOOD = {"name": "x", "channel": "sms", "audience": ALL, "template": "win-back-en", "link": LINK}


def refused(road: Road, *words: str, given: bytes | str | None = None) -> str:
    done = CliRunner().invoke(flask_group, list(words), input=given, env=road.environment)
    assert done.exit_code == 2, (done.exit_code, done.output, done.exception)
    assert done.stdout == ""
    assert done.stderr.startswith("crm: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def rule(field: Any, operator: Any, value: Any) -> Tree:
    return {"combinator": "and", "rules": [{"field": field, "operator": operator, "value": value}]}


def nested(depth: int) -> Tree:
    tree = rule("age", "=", 1)
    for _ in range(depth):
        tree = {"combinator": "and", "rules": [tree]}
    return tree


TREES: list[tuple[Any, str]] = [
    (rule("paid_cuont", ">=", 1), "rules[0].field: unknown field 'paid_cuont'"),
    (rule(["age"], "=", 1), "rules[0].field"),
    (rule("age", "~", 1), "rules[0].operator"),
    (rule("age", [], 1), "rules[0].operator"),
    (rule("age", "=", "x"), "rules[0].value"),
    (rule("age", "=", True), "rules[0].value"),
    (rule("age", "=", 10**400), "rules[0].value"),
    (rule("paid_count", ">", 2**63), "rules[0].value"),
    (rule("paid_total", ">", "1e999"), "rules[0].value"),
    (rule("city", "=", "\ud800"), "rules[0].value"),
    (rule("city", "=", "a\0b"), "rules[0].value"),
    (rule("age", "in", list(range(10_001))), "rules[0].value: more than 10000 values"),
    (rule("last_active_at", "inLast", {"n": 10**30, "unit": "day"}), "rules[0].value"),
    (rule("last_active_at", "inLast", {"n": 1, "unit": "fortnight"}), "rules[0].value"),
    (rule("registered_at", "<", "99999-01-01"), "rules[0].value"),
    (rule("segment", "=", 10**30), "rules[0].value"),
    (rule("segment", "=", 77), "rules[0].value"),
    (nested(11), "nested deeper than 10"),
    ({"combinator": "and", "rules": [rule("age", "=", 1)["rules"][0]] * 201}, "rules[200]"),
    ({"combinator": "xor", "rules": []}, "combinator"),
    ({"combinator": "and", "rules": [ALL]}, "rules[0]"),
    ({"combinator": "and", "rules": 1}, "rules"),
    ([], "a list"),
    ("x", "'x'"),
    ({}, "combinator"),
]


@pytest.mark.parametrize(("tree", "place"), TREES)
def test_a_bad_tree_is_told_with_its_place(road: Road, tree: Any, place: str) -> None:
    assert place in refused(road, *COUNT, given=json.dumps(tree))


TEXTS: list[bytes] = [
    b"",
    b"{",
    b"\xff\xfe{}",
    b'{"combinator": "and", "rules": [], "rules": []}',
    b'{"combinator": "and", "rules": [{"field": "age", "operator": "=", "value": NaN}]}',
    b'{"combinator": "and", "rules": [{"field": "age", "operator": "=", "value": 1e999}]}',
    b'{"combinator": "and", "rules": [{"field": "age", "operator": "=", "value": %s}]}' % (b"9" * 5000),
    b'{"combinator": "and", "rules": [], "a\\nb": 1}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_what_is_no_strict_json_is_refused(road: Road, text: bytes) -> None:
    refused(road, *COUNT, given=text)


def test_a_byte_order_mark_is_no_mistake(road: Road) -> None:
    text = b"\xef\xbb\xbf" + json.dumps(ALL).encode()
    done = CliRunner().invoke(flask_group, [*COUNT, "--json"], input=text, env=road.environment)
    assert json.loads(done.stdout)["count"] > 0


CAMPAIGNS: list[tuple[Tree, str]] = [
    ({"chanel": "sms"}, "'chanel'"),
    ({"channel": "fax"}, "channel: unknown channel 'fax'; known: sms, email, message"),
    ({"audience": rule("nope", "=", 1)}, "audience.rules[0].field"),
    ({"policy": {"cap": {"n": -1, "days": 3}}}, "policy.cap.n"),
    ({"policy": {"colour": 1}}, "policy"),
    ({"policy": {"rate": {"n": -5, "per_seconds": 1}}}, "policy.rate.n"),
    ({"policy": {"expires_at": "yesterday"}}, "policy.expires_at"),
    ({"policy": {"goal": rule("nope", "=", 1)}}, "policy.goal.rules[0].field"),
    ({"policy": {"quiet_hours": {"from": "25:00", "to": "09:00"}}}, "policy.quiet_hours.from"),
    ({"holdout": 1.5}, "holdout"),
    ({"holdout": "0.1"}, "holdout"),
    ({"at": "2026-01-01T00:00:00"}, "at"),
    ({"link": "javascript:alert(1)"}, "link"),
    ({"link": "https://school.example/\n"}, "link"),
    ({"variables": {"x": 1}}, "variables.x"),
    ({"name": "\ud800"}, "name"),
    ({"name": ""}, "name"),
    ({"purpose": "spam"}, "purpose"),
]


@pytest.mark.parametrize(("change", "place"), CAMPAIGNS)
def test_a_bad_campaign_file_is_told_with_its_place(road: Road, change: Tree, place: str) -> None:
    assert place in refused(road, *CREATE, given=json.dumps(GOOD | change))


MAIL = {"channel": "email", "template": None}
DRAFTS: list[tuple[Tree, str]] = [
    ({"template": "no-such"}, "template"),
    ({"template": None}, "template"),
    ({"audience": rule("paid_count", ">", 10**6)}, "audience"),
    ({**MAIL, "subject": "x"}, "html"),
    ({**MAIL, "subject": "a\r\nBcc: b", "html": "x"}, "subject"),
    ({**MAIL, "subject": "a", "html": "{{ nope }}"}, "html: line 1: unknown field nope"),
    ({**MAIL, "subject": "a", "html": "\n{{ x"}, "html: line 2"),
    ({"channel": "message", "template": None}, "text"),
]


@pytest.mark.parametrize(("change", "place"), DRAFTS)
def test_what_the_pre_flight_finds_stops_the_launch(road: Road, change: Tree, place: str) -> None:
    ident = road.crm("campaign", "create", "-", "--json", document=GOOD | change)["id"]
    assert place in refused(road, "campaign", "launch", str(ident))
    assert road.status(ident)["state"] == "draft"


@pytest.mark.parametrize(
    "at", ["yesterday", "2026-01-01T00:00:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "\udcff"]
)
def test_a_present_that_is_none_is_refused(road: Road, at: str) -> None:
    refused(road, *COUNT, "--at", at, given=json.dumps(ALL))


WORDS: list[tuple[str, ...]] = [
    ("segment", "count", "/no/such/file"),
    ("segment", "count", "/"),
    ("segment", "count", "a\0b"),
    ("segment", "count"),
    ("segment", "sort", "-"),
    ("segment", "count", "-", "--color"),
    *(("campaign", verb, "999") for verb in ("launch", "pause", "resume", "cancel", "status")),
    *(("campaign", verb, str(10**30)) for verb in ("launch", "pause", "resume", "cancel", "status")),
    ("campaign", "status", "first"),
    ("campaign", "resolve", "999", "--as", "sent"),
    ("campaign", "resolve", "1", "--as", "maybe"),
    ("outbox", "--campaign", "999"),
    ("outbox",),
    ("account", "add", "ann"),
    ("account", "add", "ann", "--permission", "crm.everything"),
    ("check-host", "nope"),
    ("check-host", "no.such.module:factory"),
    ("serve", "--port", "99999"),
    ("demo", "--port", "-1"),
    ("nonsense",),
]


@pytest.mark.parametrize("words", WORDS)
def test_bad_words_are_one_line(road: Road, words: tuple[str, ...]) -> None:
    refused(road, *words)


def test_nobody_by_that_id(road: Road) -> None:
    for person in ("nobody", "\udcff"):
        assert "person" in refused(road, "segment", "explain", "-", "--person", person, given=json.dumps(ALL))


def test_a_school_too_small_is_refused(road: Road, tmp_path: Path) -> None:
    assert "--people" in refused(road, "demo", "--people", "3", "--instance", str(tmp_path))


SETTINGS = [
    ({"host": "nope"}, "there is no host named nope; installed: demo_school, moodle"),
    ({"host_timezone": "Mars/Olympus"}, "host_timezone"),
    ({"lease_seconds": "soon"}, "lease_seconds"),
    ({"public_url": "crm.example"}, "public_url"),
    ({"redis_url": "user:hidden@somewhere"}, "redis_url"),
    ({"config": "/no/such/crm.toml"}, "/no/such/crm.toml"),
]


@pytest.mark.parametrize(("settings", "place"), SETTINGS)
def test_bad_settings_are_one_line(road: Road, settings: dict[str, str], place: str) -> None:
    changed = {f"CRM_{name.upper()}": value for name, value in settings.items()}
    done = CliRunner().invoke(flask_group, ["daily"], env=road.environment | changed)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1), done.output
    assert place in done.stderr
    assert "hidden" not in done.stderr
