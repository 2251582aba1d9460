"""Counting, listing, explaining and saying what a document means, as pages and commands ask for it."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput, Conflict, NotFound, Refused
from crm_plugin.profiles.models.school import Enrolment, Person
from crm_plugin.segments import jobs, queries, service
from crm_plugin.segments.listing.paging import SORTS
from crm_plugin.segments.models import QuickQuery
from crm_plugin.segments.saved import quick_queries
from crm_plugin.segments.wording.describe import describe
from tests.fakes.crm import NOW, make_crm
from tests.fakes.host import ALL, FakeHost, host_info
from tests.segments.fixtures import School

EVERYBODY: dict[str, Any] = {"combinator": "and", "rules": []}
LEARNERS: dict[str, Any] = {
    "combinator": "and",
    "rules": [
        {"field": "status", "operator": "=", "value": "active"},
        {
            "field": "enrolments",
            "match": {"mode": "atLeast", "threshold": 2},
            "value": {"combinator": "and", "rules": [{"field": "role", "operator": "=", "value": "learner"}]},
        },
    ],
}
ADA = Actor("ada", "Ada", ALL)
BEN = Actor("ben", "Ben", frozenset({"crm.view", "crm.edit"}))
LIMITED = Actor("lim", "Lim", ALL, scope=frozenset({"2"}))
PEOPLE = 60


@pytest.fixture
def host() -> FakeHost:
    return FakeHost(info=host_info(("faculty",)))


@pytest.fixture
def crm(database: Database, host: FakeHost) -> Crm:
    crm = make_crm(database, host)
    School(random.Random(5), service.present(crm)).fill(database, PEOPLE)
    return crm


def alive(crm: Crm) -> dict[int, str]:
    chosen = (
        sa.select(Person.id, Person.host_id)
        .where(Person.status != "erased", Person.merged_into.is_(None))
        .order_by(Person.id)
    )
    with crm.db.read() as session:
        return {row.id: row.host_id for row in session.execute(chosen)}


def test_count_and_ids_are_of_the_same_people(crm: Crm) -> None:
    counted = service.count(crm, EVERYBODY)
    assert (counted.count, counted.as_of) == (len(alive(crm)), NOW)
    assert list(service.ids(crm, EVERYBODY)) == list(alive(crm).values())
    assert 0 < service.count(crm, LEARNERS).count == len(list(service.ids(crm, LEARNERS))) < counted.count


def test_bad_input_comes_before_the_first_id(crm: Crm) -> None:
    with pytest.raises(BadInput):
        service.ids(crm, {"combinator": "and"})
    with pytest.raises(BadInput):
        service.count(crm, EVERYBODY, at=datetime(1, 1, 1, tzinfo=UTC))
    with pytest.raises(BadInput):
        service.count(crm, EVERYBODY, at=datetime(2026, 1, 1))


@pytest.mark.parametrize("name", SORTS)
@pytest.mark.parametrize("sign", ["", "-"])
def test_pages_by_key_show_everybody_once_and_in_order(crm: Crm, name: str, sign: str) -> None:
    seen: list[int] = []
    after = None
    while True:
        page = service.page(crm, EVERYBODY, actor=ADA, sort=sign + name, after=after, limit=7)
        seen += page.ids
        after = page.next
        if after is None:
            break
    assert sorted(seen) == sorted(alive(crm))
    with crm.db.read() as session:
        column = getattr(Person, SORTS[name])
        values = {row.id: row[1] for row in session.execute(sa.select(Person.id, column))}
    shown = [values[ident] for ident in seen]
    known = [value for value in shown if value is not None]
    assert shown == known + [None] * (len(shown) - len(known))
    assert known == sorted(known, reverse=bool(sign))


@pytest.mark.parametrize(("sort", "after"), [("phone", None), ("-last_active_at", "x"), ("id", "WzFd")])
def test_a_page_that_is_none_is_bad_input(crm: Crm, sort: str, after: str | None) -> None:
    with pytest.raises(BadInput):
        service.page(crm, EVERYBODY, sort=sort, after=after)


def test_explain_names_the_condition_that_failed_with_what_it_saw(crm: Crm) -> None:
    inside = set(service.ids(crm, LEARNERS))
    for person in alive(crm).values():
        explanation = service.explain(crm, LEARNERS, person)
        assert explanation.outcome == (person in inside)
        rule, related = explanation.children
        assert (rule.place, rule.field, rule.seen in ("active", "suspended", "unconfirmed")) == (
            "rules[0]",
            "status",
            True,
        )
        assert related.outcome == (related.seen["matching"] >= 2)
        assert explanation.document()["children"][1]["seen"] == related.seen
        assert explanation.text().count("\n") == 2
    with pytest.raises(NotFound):
        service.explain(crm, LEARNERS, "nobody")


def test_somebody_erased_is_explained_as_such(crm: Crm) -> None:
    with crm.db.begin() as session:
        session.execute(sa.update(Person).where(Person.id == 1).values(status="erased"))
    explanation = service.explain(crm, EVERYBODY, "p1")
    assert not explanation.outcome
    assert explanation.children[0].seen == "erased"


def test_who_is_limited_sees_their_courses_only(crm: Crm) -> None:
    with crm.db.read() as session:
        roots = sa.select(Enrolment.person_id).where(Enrolment.root_id == 2)
        in_course = set(session.scalars(roots)) & set(alive(crm))
    found = set(service.page(crm, EVERYBODY, actor=LIMITED, limit=500).ids)
    assert in_course <= found < set(alive(crm))
    foreign = {"combinator": "and", "rules": [{"field": "course_id", "operator": "=", "value": "5"}]}
    for relation in ("enrolments", "signals"):
        rule = {"field": relation, "match": {"mode": "some"}, "value": foreign}
        assert service.count(crm, {"combinator": "and", "rules": [rule]}, actor=LIMITED).count == 0
    hidden = next(host_id for ident, host_id in alive(crm).items() if ident not in found)
    with pytest.raises(NotFound):
        service.explain(crm, EVERYBODY, hidden, actor=LIMITED)


def test_conditions_on_contacts_need_the_right_to_see_them(crm: Crm) -> None:
    rule = {"field": "phone", "operator": "beginsWith", "value": "a"}
    with pytest.raises(Refused, match=r"rules\[0\]\.field: conditions on phone need"):
        service.count(crm, {"combinator": "and", "rules": [rule]}, actor=BEN)
    assert service.count(crm, {"combinator": "and", "rules": [rule]}, actor=ADA).count >= 0


def test_money_needs_one_currency_where_the_school_has_several(crm: Crm) -> None:
    rule: dict[str, Any] = {"field": "orders", "aggregate": "sum:amount", "operator": ">=", "value": "50"}
    with pytest.raises(BadInput) as caught:
        service.count(crm, {"combinator": "and", "rules": [rule]})
    assert caught.value.code == "segment.needs_currency"
    where = {"combinator": "and", "rules": [{"field": "currency", "operator": "=", "value": "GBP"}]}
    assert service.count(crm, {"combinator": "and", "rules": [rule | {"where": where}]}).count > 0


def test_the_catalogue_has_what_the_school_tells(crm: Crm, host: FakeHost) -> None:
    catalogue = service.catalogue(crm)
    names = {one.name for one in catalogue.fields()}
    assert {"attributes.faculty", "consent.sms", "suppressed.email", "paid_total"} <= names
    assert (str(catalogue.zone), catalogue.currency) == ("Asia/Shanghai", "CNY")


def test_a_school_that_does_not_answer_hides_nothing(database: Database) -> None:
    host = FakeHost()
    host.fail("host_info")
    crm = make_crm(database, host, host_timezone="Europe/London", host_currency="GBP")
    catalogue = service.catalogue(crm)
    assert "paid_total" in {one.name for one in catalogue.fields()}
    assert (str(catalogue.zone), catalogue.currency) == ("Europe/London", "GBP")
    assert service.count(crm, EVERYBODY).count == 0


def test_a_document_is_said_as_a_sentence(crm: Crm) -> None:
    saved = quick_queries.save(crm, ADA, "Members", EVERYBODY)
    document = {
        "combinator": "or",
        "rules": [
            {"field": "registered_at", "operator": "inLast", "value": {"n": 30, "unit": "day"}},
            {
                "combinator": "and",
                "not": True,
                "rules": [{"field": "is_member", "operator": "=", "value": True}],
            },
            {
                "field": "orders",
                "match": {"mode": "none"},
                "value": {
                    "combinator": "and",
                    "rules": [{"field": "course_id", "operator": "in", "value": ["2", "9"]}],
                },
            },
            {"field": "segment", "operator": "!=", "value": saved},
        ],
    }
    with crm.db.begin() as session:
        session.execute(sa.text("UPDATE crm_course SET title = 'Algebra' WHERE host_id = '2'"))
    assert describe(crm, document, "en", ADA) == (
        "People matching: registered in the last 30 days or not (is a member) or "
        "has no orders with course is one of “Algebra”, “9” or is not in “Members”"
    )
    assert describe(crm, document, "zh_Hans_CN", ADA) == (
        "条件：注册时间在最近 30 天内，或不满足（会员），"
        "或没有订单（课程为其中之一：“Algebra”、“9”），或不属于“Members”"
    )
    assert describe(crm, EVERYBODY, "en") == "everybody"


def test_the_life_of_a_quick_query(crm: Crm, host: FakeHost) -> None:
    ident = quick_queries.save(crm, ADA, "  Learners  twice ", LEARNERS, pinned=True)
    row = queries.get(crm, ident, ADA)
    assert (row.name, row.tree, row.count, row.mine) == ("Learners twice", LEARNERS, None, True)
    assert jobs.burst(crm)
    assert not jobs.burst(crm)
    expected = service.count(crm, LEARNERS).count
    row = queries.get(crm, ident, ADA)
    assert (row.count, row.counted_at) == (expected, NOW)
    (pin,) = host.pins["ada"]
    assert (pin.label, pin.count, pin.as_of) == ("Learners twice", expected, NOW)
    assert pin.url.endswith(f"?query={ident}")

    with pytest.raises(NotFound):
        queries.get(crm, ident, BEN)
    quick_queries.share(crm, ADA, ident, True)
    assert [(one.id, one.mine) for one in queries.list_for(crm, BEN)] == [(ident, False)]
    with pytest.raises(Refused):
        quick_queries.rename(crm, BEN, ident, "Mine")
    assert queries.get(crm, ident, LIMITED).count is None

    quick_queries.rename(crm, ADA, ident, "Busy")
    quick_queries.change(crm, ADA, ident, EVERYBODY)
    assert (queries.get(crm, ident, ADA).name, queries.get(crm, ident, ADA).count) == ("Busy", None)
    quick_queries.pin(crm, ADA, ident, False)
    quick_queries.delete(crm, ADA, ident)
    calls = host.called("host_publish_pins")
    assert jobs.burst(crm)
    assert host.pins["ada"] == []
    assert not jobs.burst(crm)
    assert host.called("host_publish_pins") == calls + 1
    assert queries.list_for(crm, ADA) == []


def test_a_quick_query_in_use_is_not_deleted(crm: Crm) -> None:
    inner = quick_queries.save(crm, ADA, "Inner", EVERYBODY)
    rule = {"field": "segment", "operator": "=", "value": inner}
    outer = quick_queries.save(crm, ADA, "Outer", {"combinator": "and", "rules": [rule]})
    with pytest.raises(Conflict, match="in use by Outer"):
        quick_queries.delete(crm, ADA, inner)
    with pytest.raises(BadInput) as caught:
        quick_queries.change(crm, ADA, inner, {"combinator": "and", "rules": [rule | {"value": outer}]})
    assert caught.value.code == "segment.cycle"
    quick_queries.delete(crm, ADA, outer)
    quick_queries.delete(crm, ADA, inner)


def test_counts_are_taken_again_when_they_are_old(crm: Crm) -> None:
    pinned = quick_queries.save(crm, ADA, "Pinned", EVERYBODY, pinned=True)
    plain = quick_queries.save(crm, ADA, "Plain", EVERYBODY)
    assert quick_queries.refresh_counts(crm) == 2
    crm.clock.move(minutes=11)  # type: ignore[attr-defined]
    assert quick_queries.refresh_counts(crm) == 1
    crm.clock.move(minutes=50)  # type: ignore[attr-defined]
    assert quick_queries.refresh_counts(crm) == 2
    ages = {row.id: row.counted_at for row in queries.list_for(crm, ADA)}
    assert ages == {pinned: NOW + timedelta(minutes=61), plain: NOW + timedelta(minutes=61)}


def test_a_search_whose_field_is_gone_matches_nobody(crm: Crm) -> None:
    ident = quick_queries.save(crm, ADA, "Old", EVERYBODY)
    gone = {"combinator": "and", "rules": [{"field": "attributes.gone", "operator": "=", "value": "x"}]}
    with crm.db.begin() as session:
        session.execute(sa.update(QuickQuery).where(QuickQuery.id == ident).values(tree=gone))
    assert quick_queries.refresh_counts(crm) == 1
    assert queries.get(crm, ident, ADA).count == 0


def test_quick_queries_keep_the_order_that_people_give_them(crm: Crm) -> None:
    first, second, third = (quick_queries.save(crm, ADA, name, EVERYBODY) for name in "abc")
    quick_queries.move(crm, ADA, third, 0)
    assert [row.id for row in queries.list_for(crm, ADA)] == [third, first, second]


def test_a_name_is_needed(crm: Crm) -> None:
    with pytest.raises(BadInput):
        quick_queries.save(crm, ADA, "   ", EVERYBODY)
