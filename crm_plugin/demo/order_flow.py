"""Orders from the till to the refund, and the enrolments that they open and end."""

from __future__ import annotations

from sqlalchemy import select

from crm_plugin.demo.activity import record
from crm_plugin.demo.change_events import now
from crm_plugin.demo.models import Coupon, Course, Enrolment, Level, Order, OrderLine, User, db

# An unpaid order holds its price for a day.
PAY_WITHIN = 24 * 3600
YEAR = 365 * 86_400


class Refused(Exception):
    """The request cannot be carried out; the text says why, in words for a person."""


def seat(user: User | None, course_id: int) -> Enrolment | None:
    """Return the person's active seat in a course or class, None where there is none."""
    if user is None:
        return None
    mine = select(Enrolment).where(
        Enrolment.user_id == user.id, Enrolment.course_id == course_id, Enrolment.state == "active"
    )
    seats = db.session.scalars(mine.order_by(Enrolment.id.desc())).all()
    return next((s for s in seats if s.expires_at is None or s.expires_at > now()), None)


def is_member(user: User | None) -> bool:
    """Return whether the person's membership of the site runs now."""
    return bool(user and user.level_id and (user.member_until is None or user.member_until > now()))


def valid_coupon(code: str) -> Coupon | None:
    """Return the coupon of this code unless it has run out."""
    coupon = db.session.scalars(select(Coupon).where(Coupon.code == code.strip().upper())).first()
    return coupon if coupon and (coupon.until is None or coupon.until > now()) else None


def place_order(user: User, item: Course | Level, code: str = "") -> Order:
    """Make a pending order for one item; raises Refused for a bad coupon or a seat already held."""
    kind = item.kind if isinstance(item, Course) else "membership"
    if isinstance(item, Course) and seat(user, item.id):
        raise Refused("You already have a seat there.")
    coupon = valid_coupon(code) if code.strip() else None
    if code.strip() and coupon is None:
        raise Refused("This coupon is not valid.")
    amount = item.price * (100 - coupon.percent) // 100 if coupon else item.price
    title = item.title if isinstance(item, Course) else item.name
    order = Order(
        user_id=user.id, state="pending", amount=amount, created_at=now(), closes_at=now() + PAY_WITHIN,
        coupon=coupon.code if coupon else None,
        lines=[OrderLine(kind=kind, item_id=item.id, title=title, amount=amount)],
    )  # fmt: skip
    db.session.add(order)
    if coupon and isinstance(item, Course):
        record(user, "coupon", item.id)
    db.session.flush()
    return order


def pay(order: Order) -> None:
    """Take the pretend money and open what was bought; raises Refused unless the order is pending."""
    close_overdue()
    if order.state != "pending":
        raise Refused("This order can no longer be paid.")
    order.state, order.paid_at = "paid", now()
    for line in order.lines:
        if line.kind == "membership":
            _join(order.user, line.item_id)
        else:
            enrol(order.user, db.session.get_one(Course, line.item_id), "purchase", order)


def _join(user: User, level_id: int) -> None:
    level = db.session.get_one(Level, level_id)
    running = user.member_until if user.level_id == level_id and (user.member_until or 0) > now() else None
    user.member_since = user.member_since if running else now()
    user.level_id, user.member_until = level_id, (running or now()) + level.days * 86_400


def enrol(user: User, course: Course, source: str, order: Order | None = None) -> None:
    """Give the person a seat, in a class's courses too; seats already held stay as they are.

    A bought seat lasts a year, a member's as long as the membership, a free one for ever.
    """
    expires = {"purchase": now() + YEAR, "class": now() + YEAR, "membership": user.member_until}.get(source)
    if seat(user, course.id) is None:
        db.session.add(
            Enrolment(
                user_id=user.id, course_id=course.id, source=source, state="active", enrolled_at=now(),
                starts_at=course.starts_at, expires_at=expires,
                order_id=order.id if order else None, done="", progress=0.0,
            )
        )  # fmt: skip
    for part in course.parts:
        enrol(user, part, "class", order)


def cancel(order: Order) -> None:
    """Close a pending order; raises Refused unless it is pending."""
    if order.state != "pending":
        raise Refused("This order can no longer be cancelled.")
    order.state, order.closed_at = "closed", now()


def close_overdue() -> None:
    """Close every pending order whose time to pay is over."""
    late = select(Order).where(Order.state == "pending", Order.closes_at <= now())
    for order in db.session.scalars(late):
        order.state, order.closed_at = "closed", order.closes_at


def ask_refund(order: Order, reason: str) -> None:
    """Ask for the money of a paid order back; raises Refused unless it is paid."""
    if order.state != "paid" or order.amount == 0:
        raise Refused("This order cannot be refunded.")
    order.state, order.refund_requested = "refunding", order.amount
    order.refund_reason = reason.strip()[:250] or None


def approve_refund(order: Order, cents: int) -> None:
    """Give ``cents`` back; the whole amount ends the seats too. Raises Refused for another sum or state."""
    if order.state != "refunding" or not 0 < cents <= order.amount:
        raise Refused("A refund is more than nothing and at most what was paid.")
    order.state = "refunded" if cents == order.amount else "partly_refunded"
    order.refunded, order.refunded_at, order.refund_requested = cents, now(), None
    left = cents
    for line in order.lines:
        line.refunded = min(line.amount, left)
        left -= line.refunded
    if order.state == "refunded":
        _end_what_was_bought(order)


def _end_what_was_bought(order: Order) -> None:
    bought = select(Enrolment).where(Enrolment.order_id == order.id, Enrolment.state == "active")
    for row in db.session.scalars(bought):
        row.state, row.ended_at, row.end_kind, row.end_reason = "ended", now(), "refund", order.refund_reason
    if any(line.kind == "membership" for line in order.lines):
        order.user.member_until = now()


def decline_refund(order: Order) -> None:
    """Keep the money; raises Refused unless a refund was asked for."""
    if order.state != "refunding":
        raise Refused("No refund was asked for.")
    order.state, order.refund_requested = "paid", None
