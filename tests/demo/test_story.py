"""The school as its people use it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from crm_plugin.demo.change_events import now
from crm_plugin.demo.models import Activity, Consent, Course, Enrolment, Message, Order, User, db
from tests.demo.school import Visitor, opened


@pytest.fixture
def school(db_url: str) -> Iterator[Flask]:
    with opened(db_url) as app:
        yield app


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Flask]:
    with opened(f"sqlite:///{tmp_path / 'school.db'}") as app:
        yield app


def _register(app: Flask, **changes: str) -> Visitor:
    visitor = Visitor(app)
    form = {"username": "Wen", "display_name": "Wen", "email": "wen@example.com", "password": "correct horse"}
    answer = visitor.post("/register", **{**form, **changes}, consent="email")
    assert answer.status_code == 302, answer.text
    return visitor


def _order_number(location: str) -> int:
    return int(location.rsplit("/", 1)[1])


def test_the_road_of_a_learner_from_registration_to_refund(school: Flask) -> None:
    wen = _register(school)
    wen.get("/course/1")
    number = _order_number(wen.post("/checkout/course/1", coupon="welcome10").location)
    assert "Pay (pretend)" in wen.get(f"/orders/{number}").text
    wen.post(f"/orders/{number}/pay")
    wen.post("/learn/1/1/done")
    with school.app_context():
        order = db.session.get_one(Order, number)
        assert (order.state, order.amount, order.coupon) == ("paid", 26910, "WELCOME10")
        seat = db.session.scalars(select(Enrolment).where(Enrolment.order_id == number)).one()
        assert (seat.state, seat.progress, seat.done) == ("active", 0.1, "1")
        kinds = set(db.session.scalars(select(Activity.kind).where(Activity.user_id == order.user_id)))
        assert kinds == {"login", "view", "coupon", "learn"}

    wen.post(f"/orders/{number}/refund", reason="No time")
    Visitor(school, "admin").post(f"/admin/orders/{number}/approve", yuan="269.10")
    with school.app_context():
        order = db.session.get_one(Order, number)
        assert (order.state, order.refunded, order.lines[0].refunded) == ("refunded", 26910, 26910)
        seat = db.session.scalars(select(Enrolment).where(Enrolment.order_id == number)).one()
        assert (seat.state, seat.end_kind, seat.end_reason) == ("ended", "refund", "No time")


def test_a_part_of_the_money_keeps_the_seat(small: Flask) -> None:
    wen = _register(small)
    number = _order_number(wen.post("/checkout/course/2").location)
    wen.post(f"/orders/{number}/pay")
    wen.post(f"/orders/{number}/refund", reason="")
    admin = Visitor(small, "admin")
    admin.post(f"/admin/orders/{number}/approve", yuan="9999")
    with small.app_context():
        assert db.session.get_one(Order, number).state == "refunding"
    admin.post(f"/admin/orders/{number}/approve", yuan="100.5")
    with small.app_context():
        assert (db.session.get_one(Order, number).state, db.session.get_one(Order, number).refunded) == (
            "partly_refunded",
            10050,
        )
        seat = db.session.scalars(select(Enrolment).where(Enrolment.order_id == number)).one()
        assert seat.state == "active"


def test_a_class_brings_seats_in_its_courses(small: Flask) -> None:
    with small.app_context():
        bundle = db.session.scalars(select(Course).where(Course.kind == "class")).first()
        assert bundle is not None
        number, parts = bundle.id, {part.id for part in bundle.parts}
    wen = _register(small)
    order = _order_number(wen.post(f"/checkout/class/{number}").location)
    wen.post(f"/orders/{order}/pay")
    with small.app_context():
        seats = db.session.scalars(select(Enrolment).where(Enrolment.order_id == order)).all()
        assert {seat.course_id for seat in seats} == {number, *parts}
        assert {seat.source for seat in seats if seat.course_id in parts} == {"class"}
        lessons = len(db.session.get_one(Course, min(parts)).lessons)
    wen.post(f"/learn/{min(parts)}/1/done")
    with small.app_context():
        seats = db.session.scalars(select(Enrolment).where(Enrolment.order_id == order)).all()
        learned = {seat.course_id: seat.progress for seat in seats if seat.last_learned_at}
        expected = {min(parts): 1 / lessons, number: 1 / lessons / len(parts)}
        assert learned == pytest.approx(expected, abs=0.001)


def test_membership_runs_from_the_payment_and_is_prolonged(small: Flask) -> None:
    wen = _register(small)
    for _ in range(2):
        order = _order_number(wen.post("/checkout/level/1").location)
        wen.post(f"/orders/{order}/pay")
    with small.app_context():
        user = db.session.scalars(select(User).where(User.username == "wen")).one()
        assert user.member_until is not None
        assert abs(user.member_until - (now() + 180 * 86_400)) < 60
        assert user.member_since is not None
        assert now() - user.member_since < 60
        until = user.member_until
    wen.post("/course/6/join")
    with small.app_context():
        seat = db.session.scalars(select(Enrolment).where(Enrolment.user_id == user.id)).one()
        assert (seat.source, seat.expires_at) == ("membership", until)


def test_only_members_and_buyers_take_seats_that_cost(small: Flask) -> None:
    assert _register(small).post("/course/6/join").status_code == 403


def test_an_order_that_nobody_pays_is_closed(small: Flask) -> None:
    wen = _register(small)
    number = _order_number(wen.post("/checkout/course/3").location)
    with small.app_context():
        db.session.get_one(Order, number).closes_at = now() - 1
        db.session.commit()
    assert "can no longer be paid" in wen.get(wen.post(f"/orders/{number}/pay").location).text
    with small.app_context():
        assert db.session.get_one(Order, number).state == "closed"


def test_nobody_acts_on_the_orders_of_others(small: Flask) -> None:
    number = _order_number(_register(small).post("/checkout/course/3").location)
    stranger = Visitor(small, "learner")
    assert stranger.get(f"/orders/{number}").status_code == 404
    assert stranger.post(f"/orders/{number}/pay").status_code == 404


def test_trial_favourite_question_and_inbox(small: Flask) -> None:
    wen = _register(small)
    assert "free trial lesson" in wen.get("/learn/4/1").text
    assert "Buy now" in wen.get("/learn/4/2").text, "the second lesson is for holders of a seat"
    wen.post("/course/4/favourite")
    wen.post("/course/4/say", text="Is there <b>homework</b>?", kind="review")
    assert "&lt;b&gt;homework" in wen.get("/course/4").text
    with small.app_context():
        user = db.session.scalars(select(User).where(User.username == "wen")).one()
        db.session.add(
            Message(user_id=user.id, sender="School", subject="Hi", body="See http://x.example", sent_at=1)
        )
        db.session.commit()
        message = db.session.scalars(select(Message.id).where(Message.user_id == user.id)).one()
        kinds = db.session.scalars(select(Activity.kind).where(Activity.user_id == user.id))
        assert {"trial", "favourite", "question"} <= set(kinds)
    assert "1 unread" in wen.get("/").text
    assert 'href="http://x.example"' in wen.get(f"/inbox/{message}").text
    assert "0 unread" in wen.get("/").text


def test_a_favourite_taken_out_keeps_its_row(small: Flask) -> None:
    wen = _register(small)
    wen.post("/course/4/favourite")
    wen.post("/course/4/favourite")
    with small.app_context():
        row = db.session.scalars(
            select(Activity).where(Activity.kind == "favourite").order_by(Activity.id.desc())
        )
        assert row.first().removed_at is not None  # type: ignore[union-attr]


def test_consents_are_asked_and_can_be_withdrawn(small: Flask) -> None:
    wen = _register(small)
    wen.post("/profile", display_name="Wen", email="wen@example.com", phone="", city="", consent="sms")
    with small.app_context():
        user = db.session.scalars(select(User).where(User.username == "wen")).one()
        said = db.session.scalars(select(Consent).where(Consent.user_id == user.id))
        assert {one.channel: one.granted for one in said} == {"email": False, "sms": True}


@pytest.mark.parametrize(
    "form",
    [
        {"username": "x"},
        {"email": "nowhere"},
        {"password": "short"},
        {"username": "ADMIN"},
        {"email": "Admin@Lantern.example"},
    ],
)
def test_registration_refuses_what_cannot_be(small: Flask, form: dict[str, str]) -> None:
    visitor = Visitor(small)
    good = {"username": "new", "display_name": "", "email": "new@example.com", "password": "correct horse"}
    answer = visitor.post("/register", **{**good, **form})
    assert answer.status_code == 200
    assert "flash-bad" in answer.text


def test_forms_without_token_are_refused(small: Flask) -> None:
    visitor = Visitor(small, "learner")
    assert visitor.client.post("/course/4/favourite").status_code == 400


def test_login_leads_back_but_never_to_another_site(small: Flask) -> None:
    visitor = Visitor(small)
    assert visitor.client.get("/orders").location.startswith("/login?next=/orders")
    for target in ("https://evil.example/", "//evil.example", "/\\evil.example"):
        answer = Visitor(small).post("/login", login="learner", password="lantern-2026", next=target)
        assert answer.location == "/"


def test_suspended_accounts_cannot_sign_in_and_are_put_out(small: Flask) -> None:
    learner = Visitor(small, "learner")
    with small.app_context():
        number = db.session.scalars(select(User.id).where(User.username == "learner")).one()
    Visitor(small, "admin").post(f"/admin/users/{number}/suspend")
    assert "/login" in learner.client.get("/orders").location
    assert Visitor(small).post("/login", login="learner", password="lantern-2026").status_code == 200


@pytest.mark.parametrize(
    ("who", "open_pages", "closed_pages"),
    [
        ("admin", ["/admin/", "/admin/users", "/admin/courses", "/admin/orders"], []),
        ("consultant", ["/admin/", "/admin/users", "/admin/orders"], []),
        ("teacher", ["/admin/", "/admin/courses"], ["/admin/users", "/admin/orders"]),
        ("learner", [], ["/admin/", "/admin/users"]),
    ],
)
def test_the_panel_opens_by_role(
    small: Flask, who: str, open_pages: list[str], closed_pages: list[str]
) -> None:
    visitor = Visitor(small, who)
    assert [page for page in open_pages if visitor.get(page).status_code != 200] == []
    assert [page for page in closed_pages if visitor.get(page).status_code != 403] == []


def test_every_page_speaks_both_languages_and_keeps_the_policy(small: Flask) -> None:
    visitor = Visitor(small, "admin")
    pages = ("/", "/courses?q=python", "/course/1", "/membership", "/profile", "/learn", "/inbox", "/orders",
             "/learn/1/1", "/checkout/course/1", "/admin/", "/admin/users", "/admin/users/12",
             "/admin/courses", "/admin/orders", "/admin/orders/1", "/nowhere")  # fmt: skip
    for code, language in (("zh", "zh-CN"), ("en", "en")):
        visitor.post(f"/locale/{code}")
        for page in pages:
            answer = visitor.get(page)
            assert f'<html lang="{language}">' in answer.text, page
            assert (
                "script-src" in answer.headers["Content-Security-Policy"]
                or "default-src 'self'" in (answer.headers["Content-Security-Policy"])
            )
            assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=", answer.text), page


def test_the_browsers_language_counts_until_one_is_chosen(small: Flask) -> None:
    client = small.test_client()
    assert "明灯学堂" in client.get("/", headers={"Accept-Language": "zh-CN,zh;q=0.9"}).text
    assert "Lantern Academy" in client.get("/", headers={"Accept-Language": "fr"}).text


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path / 'school.db'}", hostile=True) as app:
        admin = Visitor(app, "admin")
        text = "".join(admin.get(f"/admin/users?page={page}").text for page in (1, 2, 3))
    assert "&lt;script&gt;alert" in text
    assert "{{ 7*7 }}" in text
    assert "<script>" not in text


def test_search_takes_wildcards_as_letters(small: Flask) -> None:
    assert "Nothing on this shelf" in Visitor(small).get("/courses?q=%25").text
    assert "Python from zero" in Visitor(small).get("/courses?q=PYTHON").text
