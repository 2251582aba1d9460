"""The shop window: home, catalogue, course page, membership, checkout and one's orders."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from sqlalchemy import ColumnElement, func, or_, select
from werkzeug.wrappers import Response

from crm_plugin.demo import order_flow
from crm_plugin.demo.accounts import back, signed_in
from crm_plugin.demo.activity import find, record, toggle_favourite
from crm_plugin.demo.change_events import now
from crm_plugin.demo.i18n import say
from crm_plugin.demo.models import Activity, Category, Course, Enrolment, Level, Order, db

pages = Blueprint("shop", __name__)
PAGE = 12


@pages.get("/")
def home() -> str:
    """Show the front page."""
    seats = select(Enrolment.course_id, func.count().label("n")).group_by(Enrolment.course_id).subquery()
    popular = (
        select(Course, func.coalesce(seats.c.n, 0))
        .outerjoin(seats, seats.c.course_id == Course.id)
        .where(Course.status == "published", Course.kind == "course", Course.parent_id.is_(None))
        .order_by(func.coalesce(seats.c.n, 0).desc(), Course.id)
    )
    return render_template(
        "school/home.html",
        popular=db.session.execute(popular.limit(6)).all(),
        classes=_published(Course.kind == "class")[:3],
        open_courses=_published(Course.kind == "open")[:4],
        shelves=_shelves(),
    )


def _published(*where: ColumnElement[bool]) -> list[Course]:
    rows = select(Course).where(Course.status == "published", *where).order_by(Course.id)
    return list(db.session.scalars(rows))


def _shelves() -> list[Category]:
    rows = select(Category).where(Category.parent_id.is_(None)).order_by(Category.id)
    return list(db.session.scalars(rows))


@pages.get("/courses")
def courses() -> str:
    """Show the catalogue, by shelf, kind and words."""
    shelf, kind, words = (request.args.get(name, "").strip() for name in ("category", "kind", "q"))
    where: list[ColumnElement[bool]] = []
    if shelf:
        inside = select(Category.id).where(or_(Category.slug == shelf, Category.parent_id.in_(
            select(Category.id).where(Category.slug == shelf))))  # fmt: skip
        where.append(Course.category_id.in_(inside))
    if kind in ("course", "class", "open"):
        where.append(Course.kind == kind)
    if words:
        fields = (Course.title, Course.title_zh, Course.tags, Course.blurb, Course.blurb_zh)
        where.append(or_(*(field.icontains(words, autoescape=True) for field in fields)))
    found = _published(*where)
    return render_template(
        "school/courses.html", found=found, shelves=_shelves(), shelf=shelf, kind=kind, words=words
    )


@pages.get("/course/<int:number>")
def course(number: int) -> str:
    """Show one course or class."""
    item = _course(number)
    if g.user:
        record(g.user, "view", number)
        db.session.commit()
    said = select(Activity).where(
        Activity.course_id == number, Activity.kind.in_(["review", "question"]), Activity.text.is_not(None)
    )
    return render_template(
        "school/course.html",
        item=item,
        seat=order_flow.seat(g.user, number),
        favourite=bool(g.user and find(g.user, "favourite", number)),
        said=db.session.scalars(said.order_by(Activity.at.desc(), Activity.id).limit(8)).all(),
        learners=db.session.scalar(select(func.count(Enrolment.id)).where(Enrolment.course_id == number)),
    )


def _course(number: int) -> Course:
    item = db.session.get(Course, number)
    if item is None or item.status == "draft":
        abort(404)
    return item


@pages.post("/course/<int:number>/favourite")
@signed_in
def favourite(number: int) -> Response:
    """Add to one's favourites or take out."""
    added = toggle_favourite(g.user, _course(number).id)
    db.session.commit()
    flash(say("Kept among your favourites." if added else "Taken out of your favourites."), "good")
    return redirect(url_for("shop.course", number=number))


@pages.post("/course/<int:number>/say")
@signed_in
def speak(number: int) -> Response:
    """Ask a question, or review a course where one has a seat."""
    kind = (
        "review" if request.form.get("kind") == "review" and order_flow.seat(g.user, number) else "question"
    )
    text = request.form["text"].strip()[:2000]
    if text:
        record(g.user, kind, _course(number).id, text)
        db.session.commit()
        flash(say("Thank you. A teacher will answer here."), "good")
    return redirect(url_for("shop.course", number=number))


@pages.post("/course/<int:number>/join")
@signed_in
def join(number: int) -> Response:
    """Take a seat in a course that costs nothing, or that one's membership includes."""
    item = _course(number)
    if item.price and (item.kind == "class" or not order_flow.is_member(g.user)):
        abort(403)
    order_flow.enrol(g.user, item, "membership" if item.price else "free")
    db.session.commit()
    return redirect(url_for("learning.course", number=number))


@pages.get("/membership")
def membership() -> str:
    """Show the memberships."""
    return render_template(
        "school/membership.html", levels=db.session.scalars(select(Level).order_by(Level.rank)).all()
    )


@pages.route("/checkout/<kind>/<int:number>", methods=["GET", "POST"])
@signed_in
def checkout(kind: str, number: int) -> Response | str:
    """Show what would be bought; make the pending order on POST."""
    item = db.session.get(Level, number) if kind == "level" else _course(number)
    if item is None or not item.price or getattr(item, "status", "published") != "published":
        abort(404)
    code = request.values.get("coupon", "").strip()
    if request.method == "POST":
        try:
            order = order_flow.place_order(g.user, item, code)
        except order_flow.Refused as refusal:
            flash(say(str(refusal)), "bad")
        else:
            db.session.commit()
            return redirect(url_for("shop.order", number=order.id))
    return render_template("school/checkout.html", item=item, kind=kind, code=code)


@pages.get("/orders")
@signed_in
def orders() -> str:
    """Show one's orders."""
    order_flow.close_overdue()
    db.session.commit()
    mine = select(Order).where(Order.user_id == g.user.id).order_by(Order.created_at.desc(), Order.id.desc())
    return render_template("school/orders.html", orders=db.session.scalars(mine).all())


@pages.get("/orders/<int:number>")
@signed_in
def order(number: int) -> str:
    """Show one of one's own orders."""
    return render_template("school/order.html", order=_mine(number), now=now())


def _mine(number: int) -> Order:
    found = db.session.get(Order, number)
    if found is None or found.user_id != g.user.id:
        abort(404)
    return found


@pages.post("/orders/<int:number>/<verb>")
@signed_in
def act(number: int, verb: str) -> Response:
    """Pay, cancel, or ask the money of one's order back."""
    own = _mine(number)
    verbs: dict[str, tuple[Callable[[], None], str]] = {
        "pay": (lambda: order_flow.pay(own), "Paid. Enjoy learning!"),
        "cancel": (lambda: order_flow.cancel(own), "The order is closed."),
        "refund": (
            lambda: order_flow.ask_refund(own, request.form.get("reason", "")),
            "We will look at it soon.",
        ),
    }
    if verb not in verbs:
        abort(404)
    do, done = verbs[verb]
    try:
        do()
        flash(say(done), "good")
    except order_flow.Refused as refusal:
        flash(say(str(refusal)), "bad")
    db.session.commit()
    return back(url_for("shop.order", number=number))
