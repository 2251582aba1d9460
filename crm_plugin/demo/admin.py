"""The admin panel: home, users, courses, orders, and what plug-ins add to menu and home."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, current_app, flash, g, redirect, render_template, request, url_for
from sqlalchemy import ColumnElement, Select, func, or_, select
from werkzeug.wrappers import Response

from crm_plugin.demo import order_flow
from crm_plugin.demo.accounts import for_roles
from crm_plugin.demo.change_events import now
from crm_plugin.demo.i18n import say
from crm_plugin.demo.models import HELD_MONEY, Activity, Course, Enrolment, Message, Order, User, db
from crm_plugin.demo.plugins import HomeCard, MenuEntry

pages = Blueprint("admin", __name__, url_prefix="/admin")
STAFF = ("admin", "staff", "teacher")
PAGE = 25
MONTH = 30 * 86_400

_MENU = (
    MenuEntry({"en": "Home", "zh": "首页"}, "/admin/", STAFF, "home"),
    MenuEntry({"en": "Users", "zh": "用户"}, "/admin/users", ("admin", "staff"), "users"),
    MenuEntry({"en": "Courses", "zh": "课程"}, "/admin/courses", STAFF, "book"),
    MenuEntry({"en": "Orders", "zh": "订单"}, "/admin/orders", ("admin", "staff"), "receipt"),
)


def menu() -> tuple[list[MenuEntry], list[MenuEntry]]:
    """Return the school's own menu entries and those of plug-ins, as far as the account may see them."""
    asked = current_app.extensions["school_plugins"].hook.school_admin_menu(user=g.user)
    return (
        [entry for entry in _MENU if g.user.has_role(*entry.roles)],
        [entry for entries in asked for entry in entries if g.user.has_role(*entry.roles)],
    )


@pages.get("/")
@for_roles(*STAFF)
def home() -> str:
    """Show the figures of the school and the cards of plug-ins."""
    order_flow.close_overdue()
    db.session.commit()
    cards = current_app.extensions["school_plugins"].hook.school_admin_home_cards(user=g.user)
    shown: list[HomeCard] = [card for group in cards for card in group]
    latest = select(Order).order_by(Order.created_at.desc(), Order.id.desc()).limit(8)
    return render_template(
        "school/admin/home.html",
        figures=_figures() if g.user.has_role("admin", "staff") else [],
        days=_takings(),
        cards=shown,
        orders=db.session.scalars(latest).all() if g.user.has_role("admin", "staff") else [],
    )


def _count(column: Any, *where: ColumnElement[bool]) -> int:
    return db.session.scalar(select(func.count(column)).where(*where)) or 0


def _figures() -> list[dict[str, Any]]:
    since = now() - MONTH
    taken = select(func.coalesce(func.sum(Order.amount - Order.refunded), 0))
    taken = taken.where(Order.state.in_(HELD_MONEY), Order.paid_at >= since)
    return [
        {"label": "Takings, 30 days", "money": int(db.session.scalar(taken) or 0),
         "url": "/admin/orders?state=paid"},
        {"label": "New people, 30 days", "value": _count(User.id, User.registered_at >= since),
         "url": "/admin/users"},
        {"label": "Active learners, 30 days", "value": _count(User.id, User.last_active_at >= since),
         "url": "/admin/users"},
        {"label": "Waiting for payment", "value": _count(Order.id, Order.state == "pending"),
         "url": "/admin/orders?state=pending"},
        {"label": "Refunds to decide", "value": _count(Order.id, Order.state == "refunding"),
         "url": "/admin/orders?state=refunding"},
    ]  # fmt: skip


def _takings() -> list[tuple[int, int]]:
    """Return (first second of the day, cents) for the last thirty days of the school's calendar."""
    # The school's zone has no summer time: a day is 86,400 s, shifted by eight hours.
    shift, today = 8 * 3600, (now() + 8 * 3600) // 86_400
    paid = select(func.coalesce(Order.paid_at, 0), Order.amount).where(
        Order.paid_at >= (today - 29) * 86_400 - shift, Order.state.in_(HELD_MONEY)
    )
    sums = dict.fromkeys(range(today - 29, today + 1), 0)
    for at, amount in db.session.execute(paid):
        number = (at + shift) // 86_400
        sums[number] = sums.get(number, 0) + amount
    return [(number * 86_400 - shift, cents) for number, cents in sorted(sums.items())]


def _page(rows: Select[Any]) -> dict[str, Any]:
    """Return the rows of the page asked for and where the neighbours are."""
    number = max(request.args.get("page", 1, type=int), 1)
    total = db.session.scalar(select(func.count()).select_from(rows.order_by(None).subquery())) or 0
    found = db.session.scalars(rows.limit(PAGE).offset((number - 1) * PAGE)).all()
    return {"rows": found, "total": total, "page": number, "pages": max(1, -(-total // PAGE))}


@pages.get("/users")
@for_roles("admin", "staff")
def users() -> str:
    """Show accounts, found by name, address or number."""
    words, status = request.args.get("q", "").strip(), request.args.get("status", "")
    rows = select(User).order_by(User.id.desc())
    if words:
        fields = (User.username, User.display_name, User.real_name, User.email, User.phone)
        rows = rows.where(or_(*(field.icontains(words, autoescape=True) for field in fields)))
    if status:
        rows = rows.where(User.status == status)
    return render_template("school/admin/users.html", words=words, status=status, **_page(rows))


@pages.get("/users/<int:number>")
@for_roles("admin", "staff")
def user(number: int) -> str:
    """Show one account with seats, orders and messages."""
    person = db.session.get(User, number) or abort(404)
    orders = select(Order).where(Order.user_id == number).order_by(Order.id.desc())
    seats = select(Enrolment).where(Enrolment.user_id == number).order_by(Enrolment.id.desc())
    did = select(Activity).where(Activity.user_id == number).order_by(Activity.at.desc()).limit(12)
    return render_template(
        "school/admin/user.html",
        person=person,
        orders=db.session.scalars(orders).all(),
        seats=db.session.scalars(seats).all(),
        did=db.session.scalars(did).all(),
        messages=_count(Message.id, Message.user_id == number),
    )


@pages.post("/users/<int:number>/<verb>")
@for_roles("admin")
def change_user(number: int, verb: str) -> Response:
    """Suspend an account, let it in again, or erase what is personal in it."""
    person = db.session.get(User, number) or abort(404)
    if person.id == g.user.id or verb not in ("suspend", "restore", "erase"):
        abort(403)
    if verb == "erase":
        _erase(person)
    elif person.status != "erased":
        person.status = "suspended" if verb == "suspend" else "active"
    db.session.commit()
    flash(say("Saved."), "good")
    return redirect(url_for("admin.user", number=number))


def _erase(person: User) -> None:
    person.status, person.username, person.display_name = "erased", f"erased-{person.id}", f"#{person.id}"
    for field in ("real_name", "email", "phone", "gender", "birthday", "city", "company", "locale"):
        setattr(person, field, None)
    person.password_hash, person.tags = "", ""


@pages.get("/courses")
@for_roles(*STAFF)
def courses() -> str:
    """Show courses and classes with seats and revenue; a teacher sees the own ones."""
    rows = select(Course).order_by(Course.kind, Course.id)
    if not g.user.has_role("admin", "staff"):
        rows = rows.where(Course.teacher_id == g.user.id)
    seats = select(Enrolment.course_id, func.count(Enrolment.id)).where(Enrolment.role == "learner")
    running = or_(Enrolment.expires_at.is_(None), Enrolment.expires_at > now())
    held = seats.where(Enrolment.state == "active", running)
    counted = db.session.execute(held.group_by(Enrolment.course_id))
    return render_template(
        "school/admin/courses.html",
        courses=db.session.scalars(rows).all(),
        seats={row[0]: row[1] for row in counted},
    )


@pages.get("/orders")
@for_roles("admin", "staff")
def orders() -> str:
    """Show orders by state, newest first."""
    order_flow.close_overdue()
    db.session.commit()
    state = request.args.get("state", "")
    rows = select(Order).order_by(Order.created_at.desc(), Order.id.desc())
    if state:
        rows = rows.where(Order.state == state)
    return render_template("school/admin/orders.html", state=state, **_page(rows))


@pages.get("/orders/<int:number>")
@for_roles("admin", "staff")
def order(number: int) -> str:
    """Show one order."""
    return render_template("school/admin/order.html", order=db.session.get(Order, number) or abort(404))


@pages.post("/orders/<int:number>/<verb>")
@for_roles("admin")
def decide(number: int, verb: str) -> Response:
    """Approve a refund (``yuan`` says how much) or decline it."""
    found = db.session.get(Order, number) or abort(404)
    try:
        if verb == "approve":
            order_flow.approve_refund(found, _cents(request.form["yuan"]))
        elif verb == "decline":
            order_flow.decline_refund(found)
        else:
            abort(404)
        flash(say("Saved."), "good")
    except order_flow.Refused as refusal:
        flash(say(str(refusal)), "bad")
    db.session.commit()
    return redirect(url_for("admin.order", number=number))


def _cents(yuan: str) -> int:
    """Return a typed sum in cents, 0 where it is none."""
    whole, _, part = yuan.strip().partition(".")
    valid = whole.isascii() and whole.isdigit() and (not part or (part.isascii() and part.isdigit()))
    return int(whole) * 100 + int(f"{part[:2]:0<2}") if valid else 0


def render_plugin_page(title: str, head: str, body: str, active: str = "") -> str:
    """Return a plug-in's page inside the panel.

    ``head`` and ``body`` are HTML that the plug-in vouches for; ``active`` is the key of its menu entry.
    """
    return render_template("school/admin/plugin.html", title=title, head=head, body=body, active=active)


def teaches(person: User) -> list[str]:
    """Return the numbers of the courses that the person teaches, as text."""
    rows = select(Course.id).where(Course.teacher_id == person.id).order_by(Course.id)
    return [str(number) for number in db.session.scalars(rows)]
