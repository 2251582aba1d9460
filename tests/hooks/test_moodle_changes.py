"""Changes of a small Moodle site: what leaves a trace is followed, what is odd is left out."""

import time
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.hooks.moodle import host
from crm_plugin.host import records as r
from crm_plugin.host.gateway import Gateway
from tests.hooks.moodle_site import SmallSite, settings


@pytest.fixture
def small(moodle_folder: Path, db_url: str) -> Iterator[SmallSite]:
    site = SmallSite(moodle_folder, db_url)
    long_ago = int(time.time()) - 100_000
    site.add("course", id=1, category=0, fullname="Small School")
    site.add("course_categories", id=1, name="IT", path="/1")
    for id in (5, 6):
        site.add("course", id=id, category=1, fullname=f"C{id}", visible=1, timemodified=long_ago)
        site.add("enrol", id=id * 10, enrol="fee", courseid=id, cost="5", currency="GBP")
    for id, username in ((1, "guest"), (2, "admin"), (3, "ann"), (4, "bob")):
        site.add("user", id=id, username=username, confirmed=1, timemodified=long_ago)
    site.add("user_enrolments", id=7, enrolid=50, userid=3, timemodified=long_ago)
    site.add("cohort", id=9, name="Evening", visible=1, timemodified=long_ago)
    yield site
    site.engine.dispose()


@pytest.fixture
def gateway(small: SmallSite, db_url: str) -> Iterator[Gateway]:
    with closing(host(settings(db_url))) as site:
        yield Gateway(site)


def _changed(gateway: Gateway, stream: str, change: Any) -> dict[str, Any]:
    mark = gateway.mark(stream)
    assert mark is not None
    change()
    page = gateway.changes(stream, mark, 1000)
    return {c.row.id: c.row for c in page.changes if isinstance(c, r.Upsert)}


def test_traced_changes_of_persons(small: SmallSite, gateway: Gateway) -> None:
    now = int(time.time())
    rows = _changed(gateway, "persons", lambda: small.set("user", 3, firstname="Anna", timemodified=now))
    assert rows["3"].display_name == "Anna"
    assert _changed(gateway, "persons", lambda: small.set("user", 4, lastaccess=now))["4"].last_active_at
    small.add("tag", id=1, rawname="Piano")
    interest = {"tagid": 1, "component": "core", "itemtype": "user", "itemid": 4, "timemodified": now}
    assert _changed(gateway, "persons", lambda: small.add("tag_instance", id=1, **interest))["4"].tags
    small.add("tool_policy", id=1, currentversionid=8)
    answer = {"policyversionid": 8, "userid": 3, "status": 0, "timemodified": now}
    rows = _changed(gateway, "persons", lambda: small.add("tool_policy_acceptances", id=1, **answer))
    assert [consent.granted for consent in rows["3"].consents] == [False]
    erased = _changed(gateway, "persons", lambda: small.set("user", 3, deleted=1, timemodified=now))
    assert erased["3"] == r.Person("3", "erased")


def test_traced_changes_of_enrolments(small: SmallSite, gateway: Gateway) -> None:
    now = int(time.time())
    seat = {"enrolid": 60, "userid": 4, "timemodified": now}
    assert "8" in _changed(gateway, "enrolments", lambda: small.add("user_enrolments", id=8, **seat))
    rows = _changed(gateway, "enrolments", lambda: small.set("enrol", 50, status=1, timemodified=now))
    assert rows["7"].state == "suspended"
    done = {"userid": 3, "course": 5, "timecompleted": now}
    assert _changed(gateway, "enrolments", lambda: small.add("course_completions", id=2, **done))[
        "7"
    ].completed_at
    joined = {"cohortid": 9, "userid": 4, "timeadded": now}
    rows = _changed(gateway, "enrolments", lambda: small.add("cohort_members", id=3, **joined))
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
    rows = _changed(gateway, "courses", lambda: small.set("enrol", 50, cost="9.50", timemodified=now))
    assert rows["5"].price == Decimal("9.50")
    rows = _changed(gateway, "courses", lambda: small.set("cohort", 9, name="Night", timemodified=now))
    assert rows["cohort:9"].title == "Night"
    paid = {"component": "enrol_fee", "paymentarea": "fee", "itemid": 50, "userid": 3, "amount": "5.00"}
    times = {"currency": "GBP", "timecreated": now, "timemodified": now}
    rows = _changed(gateway, "orders", lambda: small.add("payments", id=1, **paid, **times))
    assert rows["1"].lines[0].item_id == "5"
    viewed = {"eventname": r"\core\event\course_viewed", "userid": 3, "courseid": 6, "timecreated": now}
    rows = _changed(gateway, "signals", lambda: small.add("logstore_standard_log", id=1, **viewed))
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
