"""The stages as conditions: what limited staff find, sentences, explanations, the builder, gone courses."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crm_plugin.boards.stages.stage_trees import AUDIENCES, FIELD, STAGES, STALLED, people_of
from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments import service
from crm_plugin.segments.language.documents import Document, all_of, rule
from crm_plugin.segments.listing.stale_references import check_courses
from crm_plugin.segments.wording.describe import describe
from tests.fakes.crm import NOW, make_crm
from tests.fakes.host import ALL, FakeHost

LATELY = NOW - timedelta(days=3)
EVERY = (*STAGES, *AUDIENCES, STALLED)
SENTENCES = {
    "potential": ("is a potential learner of “Piano”", "是“Piano”的意向学员"),
    "pending": ("has an unpaid order for “Piano”", "有未付款的订单：“Piano”"),
    "upcoming": ("has access to “Piano” that begins later", "已报名、尚未开始学习“Piano”"),
    "learners": ("is a learner of “Piano”", "是“Piano”的学员"),
    "left": ("left “Piano”, or was refunded", "已退出“Piano”（含退款）"),
    "expired": ("had access to “Piano” that ran out", "学习“Piano”的期限已过"),
    "stalled": ("has fallen behind in “Piano”", "学习“Piano”进度落后"),
    "closed_unpaid": ("let an order for “Piano” close unpaid", "未付款订单已关闭：“Piano”"),
}

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)


@pytest.fixture
def host() -> FakeHost:
    courses = [
        r.Course("c1", "Piano"),
        r.Course("k1", "Class of music", kind="class", course_ids=("c1", "c2")),
        r.Course("c2", "Flute"),
    ]
    people = [
        *(r.Person(name, display_name=name) for name in ("ann", "bea", "cem", "dan")),
        r.Person("tea", display_name="tea", roles=("teacher",)),
        r.Person("old", "merged", "old", merged_into="ann"),
    ]
    looks = (("ann", "c1"), ("bea", "c2"), ("cem", "k1"), ("tea", "c1"), ("old", "c1"))
    return FakeHost(
        *courses,
        *people,
        *(r.Signal(f"s-{who}", who, "view", course_id=course, at=LATELY) for who, course in looks),
        r.Signal("s-dan", "dan", "review", course_id="c1", at=LATELY),
        r.Enrolment("e-dan", "dan", "c1", state="ended", end_kind="left", ended_at=LATELY),
        r.Enrolment("e-tea", "tea", "c1"),
    )


def limited(*courses: str) -> r.Actor:
    return r.Actor("lim", "Lim", ALL, scope=frozenset(courses))


@pytest.fixture
def crm(database: Database, host: FakeHost, tmp_path: Path) -> Crm:
    crm = make_crm(database, host, host_region="GB", instance=str(tmp_path))
    sync(crm, full=True)
    return crm


def ids(crm: Crm, document: Document, actor: Any = None) -> set[str]:
    return set(service.ids(crm, document, actor=actor))


def test_interest_in_a_course_counts_for_its_class_and_nobody_else(crm: Crm) -> None:
    assert ids(crm, people_of("potential", "c1")) == {"ann"}
    assert ids(crm, people_of("potential", "k1")) == {"ann", "bea", "cem"}
    assert ids(crm, people_of("learners", "c1")) == set()
    assert ids(crm, people_of("left", "c1")) == {"dan"}


def test_limited_staff_find_the_stages_of_their_courses_alone(crm: Crm) -> None:
    of_piano, of_class = limited("c1"), limited("k1")
    assert ids(crm, people_of("potential", "c1"), of_piano) == {"ann"}
    assert ids(crm, people_of("potential", "c2"), of_piano) == set()
    assert ids(crm, people_of("potential", "k1"), of_piano) == set()
    # What was done in a course of the class, but outside their courses, stays unsaid.
    assert ids(crm, people_of("potential", "k1"), of_class) == {"cem"}
    assert ids(crm, people_of("potential", "k1"), limited("c1", "k1")) == {"ann", "cem"}
    somewhere = all_of(rule("stage.potential", "notNull"))
    assert ids(crm, somewhere, of_piano) == {"ann"}
    assert ids(crm, somewhere) == {"ann", "bea", "cem"}


def test_why_somebody_is_in_a_stage_names_the_courses(crm: Crm) -> None:
    found = service.explain(crm, people_of("potential", "k1"), "ann").children[0]
    assert (found.outcome, found.seen) == (True, ["c1", "k1"])
    found = service.explain(crm, people_of("potential", "k1"), "cem", actor=limited("k1")).children[0]
    assert (found.outcome, found.seen) == (True, ["k1"])


def test_each_stage_is_a_sentence_in_both_languages(crm: Crm) -> None:
    for stage, sentences in SENTENCES.items():
        for begin, locale, said in zip(("People matching: ", "条件："), ("en", "zh"), sentences, strict=True):
            assert describe(crm, all_of(rule(FIELD + stage, "=", "c1")), locale) == begin + said
            other = describe(crm, all_of(rule(FIELD + stage, "!=", "c1")), locale)
            assert "Piano" in other
            assert other != begin + said
    assert set(SENTENCES) == set(EVERY)


def test_several_courses_and_none_are_sentences_too(crm: Crm) -> None:
    several = all_of(rule("stage.learners", "in", ["c1", "c2"]))
    assert "is a learner of “Piano” or “Flute”" in describe(crm, several, "en")
    assert "is no learner of any course" in describe(crm, all_of(rule("stage.learners", "null")), "en")


def test_a_stage_of_a_course_that_is_gone_is_refused(crm: Crm, host: FakeHost) -> None:
    host.remove("courses", "c2")
    sync(crm, full=True)
    check_courses(crm, people_of("left", "c1"))
    with pytest.raises(BadInput) as caught:
        check_courses(crm, people_of("left", "c2"))
    assert caught.value.code == "segment.gone_course"


def test_a_school_offers_the_stages_that_its_data_allow(crm: Crm) -> None:
    known = service.catalogue(crm)
    offered = {one.name for one in known.fields() if one.name.startswith(FIELD)}
    assert offered == {FIELD + stage for stage in EVERY}
    no_orders = type(known)(knows=lambda stream, _field: stream != "orders", more_fields=known.more_fields)
    offered = {one.name for one in no_orders.fields() if one.name.startswith(FIELD)}
    assert offered == {FIELD + stage for stage in EVERY if stage not in ("pending", "closed_unpaid")}
