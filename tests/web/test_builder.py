"""The builder's form and the tree say the same, in both directions."""

import html
import json
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask, g
from werkzeug.datastructures import MultiDict

from crm_plugin.boards.stages.stage_fields import FIELDS as STAGES
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.models import Campaign
from crm_plugin.host.records import Actor
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.i18n import locales
from crm_plugin.segments import queries
from crm_plugin.segments.language.catalogue import Catalogue
from crm_plugin.segments.language.parse import parse
from crm_plugin.segments.models import QuickQuery
from crm_plugin.segments.saved import quick_queries
from crm_plugin.segments.wording.phrase_templates import BARE, SHAPES, Shape
from crm_plugin.web.segments.builder.fields import Fields
from crm_plugin.web.segments.builder.form import EVERYBODY, act, blank, finished, read
from crm_plugin.web.segments.builder.view import view, wanted
from crm_plugin.web.segments.builder.words import COMBINE, MODES, OPERATORS, UNITS
from crm_plugin.web.segments.presets import PRESETS
from crm_plugin.web.shell.rendering import environment
from tests.fakes.host import ALL
from tests.web.fixtures import School
from tests.web.forms import posted
from tests.web.routes import PagesAlone
from tests.web.test_pages import on_sqlite

Tree = dict[str, Any]


def group(*rules: Tree, combinator: str = "and", negated: bool = False) -> Tree:
    return {"combinator": combinator, "rules": list(rules)} | ({"not": True} if negated else {})


def rule(field: str, operator: str, value: Any) -> Tree:
    return {"field": field, "operator": operator, "value": value}


KNOWN = Catalogue(more_fields=lambda: {one.name: one for one in STAGES})
MESSAGE = {"name": "Hello", "channel": "message", "purpose": "service", "text": "Hello"}
ADA = Actor("admin", "Ada Admin", ALL)

TREES = [
    EVERYBODY,
    group(rule("paid_count", ">=", 2), rule("city", "in", ["Hangzhou", "上海"]), combinator="or"),
    group(rule("last_active_at", "olderThan", {"n": 60, "unit": "day"}), negated=True),
    group(rule("registered_at", "between", ["2026-01-01", "2026-02-01"]), rule("email", "null", None)),
    group(rule("is_member", "=", False), rule("status", "=", "active"), rule("roles", "in", ["learner"])),
    group(rule("paid_total", ">=", "500.00"), rule("interest_tags", "contains", "piano")),
    group(rule("stage.potential", "in", ["c1"]), rule("stage.learners", "notIn", ["c1", "c2"])),
    group(group(rule("city", "=", "A"), group(rule("age", "<", 18)), combinator="or"), rule("age", ">", 8)),
    group(
        {
            "field": "orders",
            "match": {"mode": "atLeast", "threshold": 2},
            "value": group(rule("state", "=", "paid"), rule("paid_at", "inLast", {"n": 180, "unit": "day"})),
        }
    ),
    group(
        {
            "field": "orders",
            "aggregate": "sum:amount",
            "operator": ">=",
            "value": "500.00",
            "where": group(rule("course_id", "in", ["c1", "c2"])),
        },
        {"field": "orders", "aggregate": "distinct:course_id", "operator": ">", "value": 3},
    ),
    group(
        {
            "field": "enrolments",
            "match": {"mode": "some"},
            "value": group(rule("progress", ">=", 0.5), rule("active", "=", True)),
        }
    ),
]


@pytest.fixture
def menus() -> Any:
    app = Flask(__name__)
    app.config["SECRET_KEY"] = "k"
    with app.test_request_context():
        g.crm, g.crm_locale = PagesAlone(), "en"
        yield Fields(KNOWN, "en")


def html_of(tree: Tree, menus: Fields) -> str:
    # Only the group: the form around it needs the routes of a whole application.
    template = environment().get_template("segments/builder/builder.html")
    words = {
        "combine_words": COMBINE,
        "mode_words": MODES,
        "unit_words": UNITS,
        "focus": "",
        "url": lambda name, **values: f"/{name}",
    }
    module = template.make_module(words)
    return str(module.group(view(tree, menus, {}), menus, "lead"))  # type: ignore[attr-defined]


@pytest.mark.parametrize("tree", TREES)
def test_what_is_shown_posts_the_same_tree(tree: Tree, menus: Fields) -> None:
    parse(tree, KNOWN)
    assert finished(read(posted(html_of(tree, menus)), menus))[0] == tree


@pytest.mark.parametrize("preset", PRESETS, ids=lambda one: one.key)
def test_presets_are_understood_and_survive_the_builder(preset: Any, menus: Fields) -> None:
    parse(preset.tree, KNOWN)
    assert finished(read(posted(html_of(preset.tree, menus)), menus))[0] == preset.tree


def test_every_field_on_offer_makes_a_rule_that_the_language_takes(menus: Fields) -> None:
    for _, offered in menus.groups():
        for one in offered:
            if one.shape:
                continue
            for operator in one.operators or ("",):
                made = blank(one)
                if "operator" in made:
                    made["operator"] = operator
                made["value"] = example(one, operator) if "match" not in made else None
                if one.type != "segment":
                    parse(group(made), KNOWN)


def example(offered: Any, operator: str) -> Any:
    if operator in ("null", "notNull"):
        return None
    if operator in ("inLast", "inNext", "olderThan", "anniversaryInNext"):
        return {"n": 3, "unit": "day"}
    plain: Any = {
        "flag": True,
        "number": 3,
        "fraction": 0.5,
        "money": "3",
        "instant": "2026-01-02",
        "day": "2026-01-02",
    }
    value = offered.options[0][0] if offered.options else plain.get(offered.type, "x")
    if operator in ("between", "notBetween"):
        return [value, value]
    return [value] if operator in ("in", "notIn") else value


def test_every_operator_on_offer_has_words(menus: Fields) -> None:
    for relation in (None, "orders", "enrolments", "signals"):
        for _, offered in menus.groups(relation):
            for one in offered:
                if one.type != "rows":
                    assert one.operators
                    assert all(one.says(operator) for operator in one.operators)
                    assert one.shape or set(one.operators) <= set(OPERATORS[one.type])


def test_a_rule_without_its_value_is_unfinished_and_not_counted(menus: Fields) -> None:
    tree = act(group(rule("age", ">", 8), rule("city", "=", "")), "add:r")
    tree = act(tree, "group:r")
    again = read(posted(html_of(tree, menus)), menus)
    assert len(again["rules"]) == 4
    assert finished(again) == (group(rule("age", ">", 8)), 1)


SPAN = {"n": 60, "unit": "day"}
SHAPED = [
    (shape, operator, None if operator in BARE else SPAN if operator == "olderThan" else ["c1", "c2"])
    for shape in SHAPES
    for operator in shape.says
]


@pytest.mark.parametrize(("shape", "operator", "value"), SHAPED, ids=lambda one: getattr(one, "name", ""))
def test_a_phrase_is_one_line_of_the_builder_and_the_same_tree(
    shape: Shape, operator: str, value: Any, menus: Fields
) -> None:
    tree = group(shape.make(operator, value))
    parse(tree, KNOWN)
    html = html_of(tree, menus)
    assert f'<option value="{shape.name}" selected>' in html
    assert "r.0.w" not in html
    assert finished(read(posted(html), menus)) == (tree, 0)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda one: one.name)
def test_a_phrase_without_its_value_is_unfinished_as_a_whole(shape: Shape, menus: Fields) -> None:
    operator = next(one for one in shape.says if one not in BARE)
    value = {"n": "", "unit": "day"} if operator == "olderThan" else []
    assert finished(group(shape.make(operator, value))) == (EVERYBODY, 1)


def test_what_differs_from_a_phrase_keeps_its_own_rules(menus: Fields) -> None:
    bought = next(one for one in SHAPES if one.name == "~bought").make("in", ["c1"])
    bought["value"]["rules"][0]["value"] = ["paid"]
    html = html_of(group(bought), menus)
    assert "r.0.w.1:v" in html
    assert finished(read(posted(html), menus))[0] == group(bought)


def test_choosing_another_field_starts_the_rule_anew(menus: Fields) -> None:
    form = posted(html_of(group(rule("age", ">", 8)), menus))
    form["r.0:f"] = "is_member"
    assert read(form, menus)["rules"] == [rule("is_member", "=", True)]


def test_conditions_inside_related_rows_are_added_and_removed(menus: Fields) -> None:
    orders = {"field": "orders", "match": {"mode": "none"}}
    tree = act(group(orders), "add:r.0.w")
    assert len(tree["rules"][0]["value"]["rules"]) == 1
    tree = act(tree, "remove:r.0.w.0")
    assert finished(tree) == (group(orders), 0)


@pytest.mark.parametrize("do", ["remove:r.7", "add:r.0", "add:q.x", "remove:r", "group:r.0.w.3"])
def test_a_button_that_leads_nowhere_is_bad_input(do: str, menus: Fields) -> None:
    with pytest.raises(BadInput):
        act(group(rule("age", ">", 8)), do)


def test_a_hostile_form_is_read_within_bounds(menus: Fields) -> None:
    form = MultiDict({"r:n": "999999999", "r:c": "nonsense", "r.0:f": "age", "r.0:o": "drop"})
    tree = read(form, menus)
    assert len(tree["rules"]) <= 200
    assert tree["rules"][0] == blank(menus.find("age"))  # type: ignore[arg-type]


def test_names_are_asked_for_pickers_only(menus: Fields) -> None:
    tree = group(
        rule("age", ">", 8),
        {"field": "orders", "match": {"mode": "some"}, "value": group(rule("course_id", "in", ["c1"]))},
    )
    assert wanted(tree, menus) == {"course": {"c1"}}


@pytest.mark.parametrize("locale", locales())
def test_contacts_are_offered_only_to_who_may_see_them(locale: str) -> None:
    app = Flask(__name__)
    with app.test_request_context():
        g.crm, g.crm_locale = PagesAlone(), locale
        blind = Actor("ann", "Ann", frozenset({"crm.view"}))
        assert Fields(Catalogue(actor=blind), locale).find("phone") is None
        assert Fields(KNOWN, locale).find("phone") is not None


def test_a_name_finds_what_the_menu_offers_under_it(menus: Fields) -> None:
    relations = [None, *(one.name for one in KNOWN.relations())]
    for relation in relations:
        for _label, offered in menus.groups(relation):
            for one in offered:
                found = menus.find(one.name, relation)
                assert found is not None
                assert replace(found, said=one.said) == one
                assert found.label == one.label
    for nothing in ("", "nothing", "~nothing", "orders|sum:nothing", "orders|", "nothing|sum:amount"):
        assert menus.find(nothing) is None
    assert menus.find("amount") is None
    assert menus.find("paid_count", "orders") is None
    assert menus.find("orders", "orders") is None


@on_sqlite
def test_a_form_names_fields_as_people_do_and_no_places(school: School) -> None:
    tree = group(rule("last_active_at", "inLast", {"n": 31, "unit": "day"}))
    form = posted(school.get("/people", query_string={"tree": json.dumps(tree)}).text, "people/build")
    absurd = {name: "99999999" if value == "31" else value for name, value in form.items()}
    said = html.unescape(school.post("/people/count", absurd).text)
    assert 'last active: {"n": 99999999, "unit": "day"} is not a span' in said
    assert "rules[" not in said
    school.sign_in(locale="zh")
    said = html.unescape(school.post("/people/count", absurd).text)
    assert "最近活跃" in said
    assert "n 为 0 到 100,000 的整数" in said


@on_sqlite
def test_a_saved_comparison_that_is_refused_opens_and_offers_the_choice(school: School) -> None:
    """It was saved before the field refused it: nothing of it is lost, and the page says what to do."""
    tree = group(rule("gender", "contains", "male"), rule("city", "=", "Wuhan"))
    ident = quick_queries.save(school.crm, ADA, "Men", group(rule("city", "=", "Wuhan")))
    with school.crm.db.begin() as session:
        session.execute(sa.update(QuickQuery).where(QuickQuery.id == ident).values(tree=tree))
    answer = school.get(f"/people?query={ident}")
    assert answer.status_code == 200
    page = html.unescape(answer.text)
    assert "This comparison is not possible here: choose another." in page
    assert "gender cannot be compared by 'contains'" in page
    assert '<option value="contains" selected>contains</option>' in page
    form = posted(answer.text, "/people/build")
    assert (form["r.0:o"], form["r.0:v"], form["r.1:v"]) == ("contains", "male", "Wuhan")
    kept = school.post("/people/build", data={**form, "do": "add:r"}).text
    assert posted(kept, "/people/build")["r.0:v"] == "male", "the value waits for the choice"
    chosen = school.post("/people/build", data={**form, "r.0:o": "=", "do": ""}).text
    assert "not possible here" not in chosen
    assert posted(chosen, "/people/build")["r.0:v"] == "male"
    assert school.get("/queries").status_code == 200
    quick_queries.refresh_counts(school.crm, everything=True)
    assert queries.get(school.crm, ident, ADA).count == 0


@on_sqlite
def test_a_draft_with_a_refused_comparison_opens_on_every_step(school: School) -> None:
    campaign = drafts.create(school.crm, ADA, MESSAGE | {"audience": group(rule("city", "=", "Wuhan"))})
    old = group(rule("gender", "contains", "male"))
    with school.crm.db.begin() as session:
        session.execute(sa.update(Campaign).where(Campaign.id == campaign).values(audience=old))
    for step in ("audience", "content", "policy", "check"):
        answer = school.get(f"/campaigns/{campaign}/{step}", follow_redirects=True)
        assert answer.status_code == 200, step
    assert "gender cannot be compared by" in html.unescape(school.get(f"/campaigns/{campaign}/audience").text)


def asked(school: School, tree: Any) -> tuple[int, str]:
    answer = school.get("/people", query_string={"tree": json.dumps(tree)})
    return answer.status_code, html.unescape(answer.text)


@on_sqlite
def test_an_address_with_refused_comparisons_opens_the_builder(school: School) -> None:
    old, beside = rule("gender", "contains", "male"), rule("locale", "beginsWith", "zh")
    for tree in (group(old), group(group(beside, old), rule("city", "=", "Wuhan"))):
        status, page = asked(school, tree)
        assert status == 200
        assert page.count("This comparison is not possible here") == page.count('value="male"') + page.count(
            'value="zh"'
        )
        assert "cannot be compared by" in page
    for bad in (
        group(old, {"rules": 1}),
        group(old, rule("nothing", "=", 1)),
        group({"field": "gender"}),
        [old],
        old,
    ):
        status, page = asked(school, bad)
        assert (status, "c-builder" in page) == (400, False), bad
