"""Changes of a small Moodle site: what leaves a trace is followed, what is odd is left out."""

import time
from decimal import Decimal

import pytest
import sqlalchemy as sa

from crm_plugin.hooks.moodle.site_text import SiteText
from crm_plugin.host import records as r
from crm_plugin.host.gateway import Gateway
from tests.hooks.moodle_site import SmallSite, changed


def test_traced_changes_of_persons(small: SmallSite, gateway: Gateway) -> None:
    now = int(time.time())
    rows = changed(gateway, "persons", lambda: small.set("user", 3, firstname="Anna", timemodified=now))
    assert rows["3"].display_name == "Anna"
    assert changed(gateway, "persons", lambda: small.set("user", 4, lastaccess=now))["4"].last_active_at
    small.add("tag", id=1, rawname="Piano")
    interest = {"tagid": 1, "component": "core", "itemtype": "user", "itemid": 4, "timemodified": now}
    assert changed(gateway, "persons", lambda: small.add("tag_instance", id=1, **interest))["4"].tags
    small.add("tool_policy", id=1, currentversionid=8)
    answer = {"policyversionid": 8, "userid": 3, "status": 0, "timemodified": now}
    rows = changed(gateway, "persons", lambda: small.add("tool_policy_acceptances", id=1, **answer))
    assert [consent.granted for consent in rows["3"].consents] == [False]
    erased = changed(gateway, "persons", lambda: small.set("user", 3, deleted=1, timemodified=now))
    assert erased["3"] == r.Person("3", "erased")


def test_traced_changes_of_enrolments(small: SmallSite, gateway: Gateway) -> None:
    now = int(time.time())
    seat = {"enrolid": 60, "userid": 4, "timemodified": now}
    assert "8" in changed(gateway, "enrolments", lambda: small.add("user_enrolments", id=8, **seat))
    rows = changed(gateway, "enrolments", lambda: small.set("enrol", 50, status=1, timemodified=now))
    assert rows["7"].state == "suspended"
    done = {"userid": 3, "course": 5, "timecompleted": now}
    assert changed(gateway, "enrolments", lambda: small.add("course_completions", id=2, **done))[
        "7"
    ].completed_at
    joined = {"cohortid": 9, "userid": 4, "timeadded": now}
    rows = changed(gateway, "enrolments", lambda: small.add("cohort_members", id=3, **joined))
    assert rows["member:3"].course_id == "cohort:9"


def test_a_completion_outlives_its_enrolment(small: SmallSite, gateway: Gateway) -> None:
    small.add("course_completions", id=2, userid=3, course=5, timecompleted=1_700_000_000)
    assert gateway.fetch("enrolments", ["completion:2"]).missing == ["completion:2"]
    small.remove("user_enrolments", 7)
    fetched = gateway.fetch("enrolments", ["completion:2", "7"])
    assert [row.state for row in fetched.rows] == ["ended"]
    assert fetched.missing == ["7"]


def test_traced_changes_of_courses_orders_and_signals(small: SmallSite, gateway: Gateway) -> None:
    now = int(time.time())
    rows = changed(gateway, "courses", lambda: small.set("enrol", 50, cost="9.50", timemodified=now))
    assert rows["5"].price == Decimal("9.50")
    rows = changed(gateway, "courses", lambda: small.set("cohort", 9, name="Night", timemodified=now))
    assert rows["cohort:9"].title == "Night"
    paid = {"component": "enrol_fee", "paymentarea": "fee", "itemid": 50, "userid": 3, "amount": "5.00"}
    times = {"currency": "GBP", "timecreated": now, "timemodified": now}
    rows = changed(gateway, "orders", lambda: small.add("payments", id=1, **paid, **times))
    assert rows["1"].lines[0].item_id == "5"
    viewed = {"eventname": r"\core\event\course_viewed", "userid": 3, "courseid": 6, "timecreated": now}
    rows = changed(gateway, "signals", lambda: small.add("logstore_standard_log", id=1, **viewed))
    assert (rows["view:1"].kind, rows["view:1"].course_id) == ("view", "6")


def test_odd_rows_are_set_aside_or_left_out(small: SmallSite, gateway: Gateway) -> None:
    for id, amount, itemid in ((1, "free", 50), (2, "5.00", 999)):
        small.add(
            "payments",
            id=id,
            component="enrol_fee",
            paymentarea="fee",
            itemid=itemid,
            userid=77,
            amount=amount,
            currency="GBP",
        )
    page = gateway.scan("orders", None, 10)
    assert [(bad.id, bad.reason) for bad in page.bad] == [("1", "amount: a str, not a Decimal")]
    assert [(order.person_id, order.lines[0].kind) for order in page.rows] == [(None, "other")]
    viewed = {"eventname": r"\core\event\course_viewed", "timecreated": 1_700_000_000}
    for id, userid, courseid in ((1, 0, 5), (2, 3, 1), (3, 1, 5), (4, 3, 99)):
        small.add("logstore_standard_log", id=id, userid=userid, courseid=courseid, **viewed)
    assert gateway.scan("signals", None, 10).rows == []


def test_several_policies_leave_consent_unknown(small: SmallSite, gateway: Gateway) -> None:
    for id, version in ((1, 8), (2, 9)):
        small.add("tool_policy", id=id, currentversionid=version)
        small.add("tool_policy_acceptances", id=id, policyversionid=version, userid=3, status=1)
    assert gateway.fetch("persons", ["3"]).rows[0].consents == []


def test_the_list_of_administrators_wins_where_it_can_be_read(small: SmallSite, gateway: Gateway) -> None:
    config = sa.table("mdl_config", sa.column("name"), sa.column("value"))
    small.run(sa.text("CREATE TABLE mdl_config (name VARCHAR(50), value VARCHAR(50))"))
    small.run(config.insert().values(name="siteadmins", value="3"))
    roles = {row.id: row.roles for row in gateway.fetch("persons", ["2", "3"]).rows}
    assert roles == {"2": ("learner",), "3": ("admin",)}


def _teaching(small: SmallSite) -> None:
    """Give the site contexts, and roles with numbers of its own."""
    small.run(sa.text("CREATE TABLE mdl_context (id INTEGER, contextlevel INTEGER, instanceid INTEGER)"))
    small.run(sa.text("CREATE TABLE mdl_role (id INTEGER, archetype VARCHAR(30))"))
    context = sa.table("mdl_context", sa.column("id"), sa.column("contextlevel"), sa.column("instanceid"))
    for id, level, course in ((1, 10, 0), (90, 50, 5), (91, 50, 6), (92, 70, 5)):
        small.run(context.insert().values(id=id, contextlevel=level, instanceid=course))
    for id, kind in ((5, "student"), (12, "editingteacher"), (13, "teacher"), (14, "")):
        small.run(
            sa.table("mdl_role", sa.column("id"), sa.column("archetype"))
            .insert()
            .values(id=id, archetype=kind)
        )


def test_teachers_are_no_learners(small: SmallSite, gateway: Gateway) -> None:
    _teaching(small)
    for id, method, person in ((8, 60, 3), (9, 50, 4), (10, 60, 4)):
        small.add("user_enrolments", id=id, enrolid=method, userid=person)
    given = ((12, 90, 3), (5, 91, 3), (12, 91, 3), (13, 90, 4), (14, 91, 4), (12, 92, 4))
    for id, (role, context, person) in enumerate(given, 1):
        small.add("role_assignments", id=id, roleid=role, contextid=context, userid=person)
    roles = {row.id: row.role for row in gateway.fetch("enrolments", ["7", "8", "9", "10"]).rows}
    # Ann learns what she also teaches; a role of the site's own kind says nothing.
    assert roles == {"7": "teacher", "8": "learner", "9": "assistant", "10": "learner"}
    people = {row.id: row.roles for row in gateway.fetch("persons", ["2", "3", "4"]).rows}
    assert people == {"2": ("admin",), "3": ("learner", "teacher"), "4": ("teacher",)}


def test_a_new_role_is_a_change(small: SmallSite, gateway: Gateway) -> None:
    _teaching(small)
    role = {"roleid": 12, "contextid": 90, "userid": 3, "timemodified": int(time.time())}
    rows = changed(gateway, "enrolments", lambda: small.add("role_assignments", id=1, **role))
    assert rows["7"].role == "teacher"
    role["timemodified"] += 1
    rows = changed(gateway, "persons", lambda: small.add("role_assignments", id=2, **role))
    assert rows["3"].roles == ("teacher",)


def test_without_contexts_seats_stay_learners_and_people_know_their_roles(
    small: SmallSite, gateway: Gateway
) -> None:
    small.add("role_assignments", id=1, roleid=3, contextid=90, userid=3)
    assert gateway.fetch("enrolments", ["7"]).rows[0].role == "learner"
    assert gateway.fetch("persons", ["3"]).rows[0].roles == ("teacher",)


SPANS = '<span lang="en" class="multilang">Piano</span> <span class="multilang" lang="zh_cn">钢琴</span> 1'
BLOCKS = "{mlang en}Piano{mlang}{mlang zh_cn,zh_tw}钢琴{mlang}{mlang other}Klavier{mlang} 1"


@pytest.mark.parametrize(
    ("language", "text", "shown"),
    [
        ("en", SPANS, "Piano 1"),
        ("zh_cn", SPANS, "钢琴 1"),
        ("fr", SPANS, "Piano 1"),
        ("en_us", BLOCKS, "Piano 1"),
        ("zh_tw", BLOCKS, "钢琴 1"),
        ("fr", BLOCKS, "Klavier 1"),
        ("fr", "{mlang en}Piano{mlang}", "Piano"),
        ("en", "A < B {set} <span>C</span>", "A < B {set} <span>C</span>"),
    ],
)
def test_a_title_in_several_languages_is_one(language: str, text: str, shown: str) -> None:
    assert SiteText(language).title(text) == shown


@pytest.mark.parametrize(
    ("site", "first", "last", "shown"),
    [
        (SiteText(), "Ann", "Lee", "Ann Lee"),
        (SiteText("zh_cn"), "小明", "王", "王小明"),
        (SiteText("zh_cn", "language"), "Ann", "Lee", "Lee Ann"),
        (SiteText("en", "lastname, firstname (alternatename)"), "Ann", "Lee", "Lee, Ann"),
        (SiteText("en", "lastname firstname"), None, "Lee", "Lee"),
        (SiteText("en", "firstname"), "Ann", "Lee", "Ann"),
    ],
)
def test_names_stand_in_the_sites_order(site: SiteText, first: str, last: str, shown: str) -> None:
    assert site.name(first, last) == shown


def test_the_sites_language_is_read(small: SmallSite, gateway: Gateway) -> None:
    config = sa.table("mdl_config", sa.column("name"), sa.column("value"))
    small.run(sa.text("CREATE TABLE mdl_config (name VARCHAR(50), value VARCHAR(50))"))
    small.run(config.insert().values(name="lang", value="zh_cn"))
    small.set("course", 5, fullname=SPANS)
    small.set("course_categories", 1, name=BLOCKS)
    small.set("cohort", 9, name=SPANS)
    small.set("user", 3, firstname="小明", lastname="王")
    course, cohort = gateway.fetch("courses", ["5", "cohort:9"]).rows
    assert (course.title, course.category, cohort.title) == ("钢琴 1", ["钢琴 1"], "钢琴 1")
    assert gateway.fetch("persons", ["3"]).rows[0].display_name == "王小明"
