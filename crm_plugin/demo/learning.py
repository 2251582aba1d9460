"""What a learner does after buying: own courses, lessons with progress, inbox."""

from __future__ import annotations

from flask import Blueprint, abort, g, redirect, render_template, url_for
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from crm_plugin.demo import order_flow
from crm_plugin.demo.accounts import signed_in
from crm_plugin.demo.activity import find, record
from crm_plugin.demo.change_events import now
from crm_plugin.demo.models import Activity, ClassCourse, Course, Enrolment, Lesson, Message, User, db, split

pages = Blueprint("learning", __name__)


@pages.get("/learn")
@signed_in
def mine() -> str:
    """Show one's seats and favourites."""
    seats = select(Enrolment).where(Enrolment.user_id == g.user.id, Enrolment.role == "learner")
    liked = (
        select(Course)
        .join(Activity, Activity.course_id == Course.id)
        .where(Activity.user_id == g.user.id, Activity.kind == "favourite", Activity.removed_at.is_(None))
    )
    rows = db.session.scalars(seats.order_by(Enrolment.enrolled_at.desc(), Enrolment.id.desc())).all()
    return render_template(
        "school/learn.html",
        running=[row for row in rows if _open(row)],
        over=[row for row in rows if not _open(row)],
        liked=db.session.scalars(liked.order_by(Course.id)).unique().all(),
    )


def _open(row: Enrolment) -> bool:
    return row.state == "active" and (row.expires_at is None or row.expires_at > now())


@pages.get("/learn/<int:number>")
@signed_in
def course(number: int) -> Response:
    """Go to the first lesson not finished yet (of a class: to the class's page)."""
    item = db.session.get(Course, number) or abort(404)
    if not item.lessons:
        return redirect(url_for("shop.course", number=number))
    held = order_flow.seat(g.user, number)
    done = set(split(held.done)) if held else set()
    todo = [lesson.position for lesson in item.lessons if str(lesson.position) not in done]
    return redirect(url_for("learning.lesson", number=number, position=todo[0] if todo else 1))


@pages.get("/learn/<int:number>/<int:position>")
@signed_in
def lesson(number: int, position: int) -> Response | str:
    """Show a lesson: to holders of a seat, and a free one to everybody as a trial."""
    this, held = _lesson(number, position), order_flow.seat(g.user, number)
    if held is None and not this.free:
        return redirect(url_for("shop.course", number=number))
    if held is None and not find(g.user, "trial", number):
        record(g.user, "trial", number)
        db.session.commit()
    item = db.session.get_one(Course, number)
    done = set(split(held.done)) if held else set()
    return render_template("school/lesson.html", item=item, this=this, seat=held, done=done)


def _lesson(number: int, position: int) -> Lesson:
    rows = select(Lesson).where(Lesson.course_id == number, Lesson.position == position)
    return db.session.scalars(rows).first() or abort(404)


@pages.post("/learn/<int:number>/<int:position>/done")
@signed_in
def finish(number: int, position: int) -> Response:
    """Mark a lesson finished and go to the next."""
    held = order_flow.seat(g.user, number) or abort(403)
    _lesson(number, position)
    done = {*split(held.done), str(position)}
    total = len(held.course.lessons)
    held.done = ",".join(sorted(done, key=int))
    held.progress, held.last_learned_at = round(len(done) / total, 4), now()
    if len(done) == total and held.completed_at is None:
        held.completed_at = now()
    record(g.user, "learn", number)
    _carry_to_classes(g.user, number)
    db.session.commit()
    return redirect(url_for("learning.lesson", number=number, position=min(position + 1, total)))


def _carry_to_classes(user: User, number: int) -> None:
    """Let seats in classes that teach a course be as far as the seats in all of their courses."""
    teaches = (ClassCourse.class_id == Enrolment.course_id, ClassCourse.course_id == number)
    mine = (Enrolment.user_id == user.id, Enrolment.state == "active")
    for own in db.session.scalars(select(Enrolment).where(*mine, *teaches)):
        seats = [order_flow.seat(user, part.id) for part in own.course.parts]
        own.progress = round(sum(one.progress for one in seats if one) / len(seats), 4)
        own.last_learned_at = now()
        if own.progress == 1 and own.completed_at is None:
            own.completed_at = now()


def unread() -> int:
    """Return how many messages of the signed-in person are unread."""
    new = select(func.count(Message.id)).where(Message.user_id == g.user.id, Message.read_at.is_(None))
    return db.session.scalar(new) or 0


@pages.get("/inbox")
@signed_in
def inbox() -> str:
    """Show one's private messages, newest first."""
    rows = select(Message).where(Message.user_id == g.user.id)
    rows = rows.order_by(Message.sent_at.desc(), Message.id.desc()).limit(100)
    return render_template("school/inbox.html", messages=db.session.scalars(rows).all())


@pages.get("/inbox/<int:number>")
@signed_in
def message(number: int) -> str:
    """Show one message and mark it read."""
    row = db.session.get(Message, number)
    if row is None or row.user_id != g.user.id:
        abort(404)
    if row.read_at is None:
        row.read_at = now()
        db.session.commit()
    return render_template("school/message.html", message=row)
