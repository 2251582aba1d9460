"""The reference school through the contract: reading, following, giving back, lending its panel."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask
from sqlalchemy import func, select

from crm_plugin import hostkit
from crm_plugin.demo.models import Activity, Consent, Course, Enrolment, Message, Order, User, db
from crm_plugin.hooks.demo_school import DemoSchool, host
from crm_plugin.host import records as r
from crm_plugin.host.gateway import Gateway
from crm_plugin.kernel.settings import Settings
from tests.demo.school import Visitor, opened

STREAMS = ("courses", "persons", "enrolments", "orders", "signals")


@pytest.fixture
def school(db_url: str) -> Iterator[Flask]:
    with opened(db_url) as app:
        yield app


@pytest.fixture
def adapter(school: Flask) -> Iterator[DemoSchool]:
    adapter = host(
        Settings(host_url=school.config["SQLALCHEMY_DATABASE_URI"], host_base_url="http://lantern.example/")
    )
    yield adapter
    adapter.close()


class Sink:
    def __init__(self) -> None:
        self.events: list[r.HostEvent] = []

    def emit(self, event: r.HostEvent) -> None:
        self.events.append(event)


def _mounted(adapter: DemoSchool, app: Flask) -> None:
    pages = Blueprint("crm", __name__)

    @pages.get("/people")
    def people() -> str:
        actor = adapter.host_current_actor(r.RequestFacts({}, {}))
        if actor is None:
            return "nobody"
        page = r.LayoutPage("People", "<p id='ours'>body</p>", "<meta name='ours'>", active="people")
        return adapter.host_layout(actor, page) or "no layout"

    @pages.get("/actor")
    def actor() -> dict[str, Any]:
        found = adapter.host_current_actor(r.RequestFacts({}, {}))
        if found is None:
            return {}
        scope = None if found.scope is None else sorted(found.scope)
        return {"id": found.id, "may": sorted(found.permissions), "scope": scope, "locale": found.locale}

    menu = [
        r.MenuEntry("people", {"en": "People", "zh": "人群"}, "/admin/crm/people"),
        r.MenuEntry("settings", {"en": "Settings", "zh": "设置"}, "/admin/crm/settings", "crm.admin"),
    ]
    assert adapter.host_mount(app, pages, menu)


def _scan(adapter: DemoSchool, stream: str, limit: int) -> list[Any]:
    rows, after = [], None
    while True:
        page = adapter.host_scan(stream, after, limit)
        rows += page.rows
        after = page.next
        if after is None:
            return rows


def _changed(adapter: DemoSchool, stream: str, mark: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    more = True
    while more:
        page = adapter.host_changes(stream, mark, 50)
        mark, more = page.next_mark, page.more
        for change in page.changes:
            found[change.row.id if isinstance(change, r.Upsert) else change.id] = change
    return found


def test_a_scan_is_the_same_by_any_page_and_by_fetch(adapter: DemoSchool) -> None:
    for stream in STREAMS:
        whole = _scan(adapter, stream, 5000)
        assert len(whole) == adapter.host_estimate(stream) > 30
        assert _scan(adapter, stream, 7) == whole
        assert len({row.id for row in whole}) == len(whole)
        page = adapter.host_fetch(stream, [row.id for row in whole[:40]] + ["no", "0", "9" * 30])
        assert page.rows == whole[:40]
        assert page.missing == ["no", "0", "9" * 30]


def test_the_gateway_takes_every_row(adapter: DemoSchool) -> None:
    gateway = Gateway(adapter)
    for stream in STREAMS:
        page = gateway.scan(stream, None, 5000)
        assert page.bad == []
        assert len(page.rows) == adapter.host_estimate(stream)


def test_ids_of_other_streams_lead_somewhere(adapter: DemoSchool) -> None:
    rows = {stream: _scan(adapter, stream, 5000) for stream in STREAMS}
    persons, courses, orders = ({row.id for row in rows[name]} for name in ("persons", "courses", "orders"))
    for seat in rows["enrolments"]:
        assert seat.person_id in persons
        assert seat.course_id in courses
        assert seat.order_id is None or seat.order_id in orders
    assert {order.person_id for order in rows["orders"]} <= persons
    assert {signal.course_id for signal in rows["signals"]} - {None} <= courses
    assert all(set(course.course_ids) <= courses for course in rows["courses"])


def test_rows_carry_the_contracts_types(school: Flask, adapter: DemoSchool) -> None:
    with school.app_context():
        user = db.session.scalars(select(User).where(User.username == "learner")).one()
        order = db.session.scalars(
            select(Order).where(Order.user_id == user.id, Order.state == "paid")
        ).first()
        assert order is not None
        number, amount, paid_at = order.id, order.amount, order.paid_at
    person = adapter.host_fetch("persons", [str(user.id)]).rows[0]
    assert (person.roles, person.phone, person.registered_at.tzinfo) == (("learner",), "13800138000", UTC)
    record = adapter.host_fetch("orders", [str(number)]).rows[0]
    assert (record.amount * 100, record.currency) == (amount, "CNY")
    assert record.paid_at == datetime.fromtimestamp(paid_at or 0, UTC)
    assert record.lines[0].amount == record.amount
    course = next(row for row in _scan(adapter, "courses", 50) if row.kind == "class")
    assert course.course_ids
    assert course.teacher_ids
    assert course.category[0] == "Programming"


def test_what_people_do_is_in_the_changes(school: Flask, adapter: DemoSchool) -> None:
    marks = {stream: adapter.host_mark(stream) or "" for stream in STREAMS}
    learner = Visitor(school, "learner")
    order = int(learner.post("/checkout/level/1").location.rsplit("/", 1)[1])
    learner.post(f"/orders/{order}/pay")
    learner.post("/course/25/join")
    learner.post("/learn/25/1/done")
    learner.post("/course/5/favourite")
    Visitor(school, "admin").post("/admin/users/12/suspend")
    found = {stream: _changed(adapter, stream, marks[stream]) for stream in STREAMS}
    assert found["orders"][str(order)].row.state == "paid"
    assert found["persons"]["9"].row.member_level == "Silver lantern"
    assert found["persons"]["12"].row.status == "suspended"
    assert [
        c.row for c in found["enrolments"].values() if c.row.course_id == "25" and c.row.progress == 0.3333
    ]
    favourite = next(
        c.row for c in found["signals"].values() if c.row.kind == "favourite" and c.row.course_id == "5"
    )
    learner.post("/course/5/favourite")
    assert _changed(adapter, "signals", marks["signals"])[favourite.id] == r.Delete(favourite.id)


def test_a_withdrawn_consent_is_a_change_of_the_person(school: Flask, adapter: DemoSchool) -> None:
    learner = Visitor(school, "learner")
    form = {"display_name": "L", "email": "learner@lantern.example", "phone": "", "city": ""}
    learner.post("/profile", **form, consent=["sms", "email"])
    mark = adapter.host_mark("persons") or ""
    learner.post("/profile", **form, consent=["sms"])
    said = _changed(adapter, "persons", mark)["9"].row.consents
    assert {one.channel: one.granted for one in said if one.channel in ("sms", "email")} == {
        "sms": True,
        "email": False,
    }


def test_messages_reach_the_inbox_once(school: Flask, adapter: DemoSchool) -> None:
    message = r.MessageRequest("ledger-1", "9", "Come back!", "Hello", "http://lantern.example/r/abc")
    first, again = adapter.host_send_message(message), adapter.host_send_message(message)
    assert (first.status, first.id) == ("accepted", again.id)
    with school.app_context():
        rows = db.session.scalars(select(Message).where(Message.key == "ledger-1")).all()
        assert [row.body for row in rows] == ["Come back!\n\nhttp://lantern.example/r/abc"]
    assert 'href="http://lantern.example/r/abc"' in Visitor(school, "learner").get(f"/inbox/{first.id}").text


def test_messages_to_nobody_are_rejected(school: Flask, adapter: DemoSchool) -> None:
    with school.app_context():
        blocked = db.session.scalars(select(User.id).where(User.status == "suspended")).first()
    cases = {("404404", "x"): "missing", ("x y", "x"): "missing", (str(blocked), "x"): "blocked",
             ("9", "x" * 5001): "too_long"}  # fmt: skip
    for number, ((person, text), reason) in enumerate(cases.items()):
        receipt = adapter.host_send_message(r.MessageRequest(f"k{number}", person, text))
        assert (receipt.status, receipt.reason) == ("rejected", reason)


def test_an_opt_out_comes_home_unless_the_person_said_otherwise_since(
    school: Flask, adapter: DemoSchool
) -> None:
    mark = adapter.host_mark("persons") or ""
    late, early = datetime(2100, 1, 1, tzinfo=UTC), datetime(2000, 1, 1, tzinfo=UTC)
    assert adapter.host_push_consent("9", "sms", "denied", late, "link")
    assert adapter.host_push_consent("9", "sms", "granted", early, "import")
    assert not adapter.host_push_consent("404404", "sms", "denied", late, "link")
    with school.app_context():
        rows = db.session.scalars(select(Consent).where(Consent.user_id == 9, Consent.channel == "sms")).all()
        assert [(row.granted, row.source) for row in rows] == [(False, "crm: link")]
    assert "9" in _changed(adapter, "persons", mark)


def test_the_panel_shows_our_menu_and_pins_and_wraps_our_pages(school: Flask, adapter: DemoSchool) -> None:
    _mounted(adapter, school)
    admin = Visitor(school, "admin")
    with school.app_context():
        number = str(db.session.scalars(select(User.id).where(User.username == "admin")).one())
    as_of = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
    adapter.host_publish_pins(number, [r.Pin("Old", 1, "/admin/crm/q/1", as_of)])
    adapter.host_publish_pins(number, [r.Pin("Dormant <people>", 1234, "/admin/crm/q/2", as_of)])
    home = admin.get("/admin/").text
    assert 'href="/admin/crm/people"' in home
    assert "Dormant &lt;people&gt;" in home
    assert "1,234" in home
    assert "2026-11-01 16:00" in home
    assert "/admin/crm/q/1" not in home
    page = admin.get("/admin/crm/people").text
    assert "<p id='ours'>body</p>" in page
    assert page.index("<meta name='ours'>") < page.index("</head>")
    assert 'href="/admin/crm/people" aria-current="page"' in page
    assert "人群" in Visitor(school, "admin").client.get("/admin/", headers={"Accept-Language": "zh"}).text
    assert "/admin/crm/settings" not in Visitor(school, "consultant").get("/admin/").text


def test_the_home_shows_key_figures_to_those_they_are_for(school: Flask, adapter: DemoSchool) -> None:
    _mounted(adapter, school)
    at, names = datetime(2026, 11, 1, 8, 0, tzinfo=UTC), {"en": "Reached", "zh": "收到消息"}
    people = r.Figure("reached", names, Decimal(1234), "", "/admin/crm/people?tree=1", at)
    rate = r.Figure("click_rate", {"en": "Rate"}, Decimal("0.0956"), "share", "/admin/crm/campaigns/1", at)
    taken = r.Figure("taken", {"en": "Paid by all"}, Decimal("99.50"), "CNY", "/x", at, "crm.money")
    none = r.Figure("messages", {"en": "Unknown"}, None, "", "/y", None)
    adapter.host_publish_figures([taken])
    assert adapter.host_publish_figures([people, rate, taken, none])
    admin = Visitor(school, "admin")
    home = admin.get("/admin/").text
    missing = [one for one in ("Reached", "1,234", "9.6%", "99.50", "2026-11-01 16:00") if one not in home]
    assert not missing
    assert home.count("Paid by all") == 1, "in place of earlier ones"
    assert "收到消息" in admin.client.get("/admin/", headers={"Accept-Language": "zh"}).text
    staff = Visitor(school, "consultant").get("/admin/").text
    assert "Reached" in staff
    assert "99.50" not in staff, "money is for those who may see it"
    assert "Reached" not in Visitor(school, "teacher").get("/admin/").text


def test_who_is_at_the_screen(school: Flask, adapter: DemoSchool) -> None:
    _mounted(adapter, school)
    seen: dict[str, Any] = {
        who: Visitor(school, who).get("/admin/crm/actor").json
        for who in ("admin", "consultant", "teacher", "learner")
    }
    with school.app_context():
        own = db.session.scalars(select(Course.id).where(Course.teacher_id == 3)).all()
    assert seen["admin"]["may"] == sorted(r.PERMISSIONS)
    assert seen["admin"]["scope"] is None
    assert seen["consultant"]["may"] == ["crm.edit", "crm.send", "crm.view"]
    assert seen["teacher"]["may"] == ["crm.view"]
    assert seen["teacher"]["scope"] == sorted(str(number) for number in own) != []
    assert seen["learner"]["may"] == seen["learner"]["scope"] == []
    assert school.test_client().get("/admin/crm/actor").json == {}


def test_commits_are_told_to_the_sink(school: Flask, adapter: DemoSchool) -> None:
    sink = Sink()
    assert not adapter.host_subscribe(sink), "in a worker there is nothing to listen to"
    adapter.bind(school)
    assert adapter.host_subscribe(sink)
    learner = Visitor(school, "learner")
    sink.events.clear()
    learner.post("/course/5/favourite")
    with school.app_context():
        number = db.session.scalar(select(func.max(Activity.id)))
    assert sink.events == [r.HostEvent("signals", [str(number)])]
    sink.events.clear()
    learner.post("/course/25/join")
    with school.app_context():
        seat = db.session.scalar(select(func.max(Enrolment.id)))
    assert r.HostEvent("enrolments", [str(seat)]) in sink.events


def test_urls_and_check(adapter: DemoSchool) -> None:
    assert adapter.host_url("person", "9") == "http://lantern.example/admin/users/9"
    assert adapter.host_url("class", "30") == "http://lantern.example/course/30"
    assert adapter.host_url("invoice", "1") is None
    assert adapter.host_check() == [("school database", True, "60 accounts")]


def test_the_school_is_only_read(adapter: DemoSchool) -> None:
    with pytest.raises(Exception, match=r"(?i)read.?only"), adapter.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE school_users SET city = 'x'")


def test_the_conformance_kit_is_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(f"sqlite:///{tmp_path / 'school.db'}") as app:
        monkeypatch.setenv("CRM_HOST_URL", app.config["SQLALCHEMY_DATABASE_URI"])
    monkeypatch.chdir(tmp_path)
    code = hostkit.run("crm_plugin.hooks.demo_school:host")
    report = capsys.readouterr().out
    assert code == 0, report
    assert "| persons | 60 |" in report
