"""Tables of the school, all named ``school_*``.

Times are whole seconds since 1970 (UTC); money is a whole number of cents of the school's currency.
Every row that can change carries ``updated_at``, which ``changes.py`` keeps, so that a reader can follow
the school by (time, id). Rows are ended, never removed.
"""

from __future__ import annotations

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import JSON, BigInteger, Double, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, registry, relationship

CURRENCY = "CNY"
TIMEZONE = "Asia/Shanghai"
HELD_MONEY = ("paid", "refunding", "partly_refunded", "refunded")


class Base(DeclarativeBase):
    """Declarative base of the school; ``db`` opens its sessions."""

    registry = registry(type_annotation_map={int: BigInteger, str: String(255), float: Double})


db = SQLAlchemy(model_class=Base)


def split(text: str) -> list[str]:
    """Return the words of a comma-separated column; the empty text has none."""
    return [word for word in text.split(",") if word]


class Keyed:
    """A row with a number of its own and the time (seconds) of its last change."""

    id: Mapped[int] = mapped_column(BigInteger().with_variant(db.Integer, "sqlite"), primary_key=True)
    updated_at: Mapped[int] = mapped_column(default=0)


class Level(Keyed, Base):
    """A paid membership of the site."""

    __tablename__ = "school_levels"
    name: Mapped[str]
    name_zh: Mapped[str]
    rank: Mapped[int]
    price: Mapped[int]
    days: Mapped[int]


class User(Keyed, Base):
    """An account: learner, teacher, staff or administrator, as ``roles`` says."""

    __tablename__ = "school_users"
    __table_args__ = (Index("school_users_mark", "updated_at", "id"),)
    username: Mapped[str] = mapped_column(String(64), unique=True)
    display_name: Mapped[str]
    real_name: Mapped[str | None]
    email: Mapped[str | None] = mapped_column(index=True)
    email_verified: Mapped[bool] = mapped_column(default=False)
    phone: Mapped[str | None] = mapped_column(String(64))
    phone_verified: Mapped[bool] = mapped_column(default=False)
    gender: Mapped[str | None] = mapped_column(String(16))
    birthday: Mapped[str | None] = mapped_column(String(10))
    city: Mapped[str | None]
    company: Mapped[str | None]
    locale: Mapped[str | None] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16), default="active")
    roles: Mapped[str] = mapped_column(default="learner")
    tags: Mapped[str] = mapped_column(default="")
    password_hash: Mapped[str] = mapped_column(default="")
    registered_at: Mapped[int]
    last_login_at: Mapped[int | None]
    last_active_at: Mapped[int | None]
    level_id: Mapped[int | None] = mapped_column(ForeignKey("school_levels.id"))
    member_since: Mapped[int | None]
    member_until: Mapped[int | None]
    merged_into_id: Mapped[int | None]
    level: Mapped[Level | None] = relationship()
    consents: Mapped[list[Consent]] = relationship(order_by="Consent.channel")

    def has_role(self, *roles: str) -> bool:
        """Return whether the account has any of the named roles."""
        return not set(roles).isdisjoint(split(self.roles))


class Consent(Keyed, Base):
    """What a person last said to marketing by a channel; no row: no answer yet."""

    __tablename__ = "school_consents"
    __table_args__ = (UniqueConstraint("user_id", "channel"),)
    user_id: Mapped[int] = mapped_column(ForeignKey("school_users.id"))
    channel: Mapped[str] = mapped_column(String(16))
    granted: Mapped[bool]
    at: Mapped[int]
    source: Mapped[str] = mapped_column(String(64))


class Category(Keyed, Base):
    """A shelf of the catalogue."""

    __tablename__ = "school_categories"
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("school_categories.id"))
    slug: Mapped[str] = mapped_column(String(32), unique=True)
    name: Mapped[str]
    name_zh: Mapped[str]


class Course(Keyed, Base):
    """A course, a class (a bundle of courses with a date) or an open course (free)."""

    __tablename__ = "school_courses"
    __table_args__ = (Index("school_courses_mark", "updated_at", "id"),)
    kind: Mapped[str] = mapped_column(String(16), default="course")
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("school_courses.id"))
    category_id: Mapped[int] = mapped_column(ForeignKey("school_categories.id"))
    teacher_id: Mapped[int | None] = mapped_column(ForeignKey("school_users.id"))
    title: Mapped[str]
    title_zh: Mapped[str]
    blurb: Mapped[str] = mapped_column(Text)
    blurb_zh: Mapped[str] = mapped_column(Text)
    tags: Mapped[str] = mapped_column(default="")
    status: Mapped[str] = mapped_column(String(16), default="published")
    price: Mapped[int] = mapped_column(default=0)
    capacity: Mapped[int | None]
    starts_at: Mapped[int | None]
    ends_at: Mapped[int | None]
    category: Mapped[Category] = relationship()
    teacher: Mapped[User | None] = relationship()
    lessons: Mapped[list[Lesson]] = relationship(order_by="Lesson.position")
    parts: Mapped[list[Course]] = relationship(
        secondary="school_class_courses",
        primaryjoin="Course.id == ClassCourse.class_id",
        secondaryjoin="Course.id == ClassCourse.course_id",
        order_by="ClassCourse.course_id",
    )


class ClassCourse(Base):
    """Course ``course_id`` is taught in class ``class_id``."""

    __tablename__ = "school_class_courses"
    class_id: Mapped[int] = mapped_column(ForeignKey("school_courses.id"), primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("school_courses.id"), primary_key=True)


class Lesson(Keyed, Base):
    """One lesson; position counts from 1, a ``free`` one may be tried without buying."""

    __tablename__ = "school_lessons"
    course_id: Mapped[int] = mapped_column(ForeignKey("school_courses.id"), index=True)
    position: Mapped[int]
    title: Mapped[str]
    title_zh: Mapped[str]
    minutes: Mapped[int]
    free: Mapped[bool]


class Enrolment(Keyed, Base):
    """An enrolment of a person in a course or a class; ``done`` lists positions of finished lessons."""

    __tablename__ = "school_enrolments"
    __table_args__ = (Index("school_enrolments_mark", "updated_at", "id"),)
    user_id: Mapped[int] = mapped_column(ForeignKey("school_users.id"), index=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("school_courses.id"), index=True)
    role: Mapped[str] = mapped_column(String(16), default="learner")
    source: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16), default="active")
    enrolled_at: Mapped[int]
    starts_at: Mapped[int | None]
    expires_at: Mapped[int | None]
    ended_at: Mapped[int | None]
    end_kind: Mapped[str | None] = mapped_column(String(16))
    end_reason: Mapped[str | None]
    order_id: Mapped[int | None] = mapped_column(ForeignKey("school_orders.id"), index=True)
    done: Mapped[str] = mapped_column(Text, default="")
    progress: Mapped[float] = mapped_column(default=0.0)
    completed_at: Mapped[int | None]
    last_learned_at: Mapped[int | None]
    course: Mapped[Course] = relationship()


class Coupon(Keyed, Base):
    """A code that lowers a price by ``percent``."""

    __tablename__ = "school_coupons"
    code: Mapped[str] = mapped_column(String(32), unique=True)
    percent: Mapped[int]
    until: Mapped[int | None]


class Order(Keyed, Base):
    """An order: pending → paid or closed; paid → refunding → refunded or partly_refunded."""

    __tablename__ = "school_orders"
    __table_args__ = (Index("school_orders_mark", "updated_at", "id"),)
    user_id: Mapped[int] = mapped_column(ForeignKey("school_users.id"), index=True)
    state: Mapped[str] = mapped_column(String(16), default="pending", index=True)
    amount: Mapped[int]
    refunded: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[int]
    paid_at: Mapped[int | None]
    closes_at: Mapped[int | None]
    closed_at: Mapped[int | None]
    refund_requested: Mapped[int | None]
    refund_reason: Mapped[str | None]
    refunded_at: Mapped[int | None]
    source: Mapped[str] = mapped_column(String(32), default="web")
    coupon: Mapped[str | None] = mapped_column(String(32))
    user: Mapped[User] = relationship()
    lines: Mapped[list[OrderLine]] = relationship(order_by="OrderLine.id")


class OrderLine(Keyed, Base):
    """What was bought: ``item_id`` is a course's, a class's or a level's number, as ``kind`` says."""

    __tablename__ = "school_order_lines"
    order_id: Mapped[int] = mapped_column(ForeignKey("school_orders.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    item_id: Mapped[int]
    title: Mapped[str]
    amount: Mapped[int]
    refunded: Mapped[int] = mapped_column(default=0)


class Activity(Keyed, Base):
    """Something a person did: login, view, trial, favourite, question, review, coupon or learn."""

    __tablename__ = "school_activities"
    __table_args__ = (
        Index("school_activities_mark", "updated_at", "id"),
        Index("school_activities_person", "user_id", "kind", "course_id"),
    )
    user_id: Mapped[int] = mapped_column(ForeignKey("school_users.id"))
    kind: Mapped[str] = mapped_column(String(16))
    course_id: Mapped[int | None] = mapped_column(ForeignKey("school_courses.id"), index=True)
    at: Mapped[int]
    count: Mapped[int] = mapped_column(default=1)
    text: Mapped[str | None] = mapped_column(Text)
    removed_at: Mapped[int | None]
    user: Mapped[User] = relationship()


class Message(Keyed, Base):
    """A private message in a person's inbox; ``key`` makes a second delivery of the same one void."""

    __tablename__ = "school_messages"
    user_id: Mapped[int] = mapped_column(ForeignKey("school_users.id"), index=True)
    key: Mapped[str | None] = mapped_column(String(128), unique=True)
    sender: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str] = mapped_column(Text)
    sent_at: Mapped[int]
    read_at: Mapped[int | None]


class KeyFigure(Keyed, Base):
    """A figure that a plug-in shows on the admin home of everybody who may see it."""

    __tablename__ = "school_key_figures"
    position: Mapped[int]
    labels: Mapped[dict[str, str]] = mapped_column(JSON)
    value: Mapped[str | None]
    unit: Mapped[str]
    """Empty for a number, ``share`` for one from 0 to 1, else a currency."""
    url: Mapped[str] = mapped_column(Text)
    as_of: Mapped[int | None]
    permission: Mapped[str]


class Pin(Keyed, Base):
    """A figure that a plug-in shows on the admin home of one account."""

    __tablename__ = "school_pins"
    actor_id: Mapped[str] = mapped_column(String(64), index=True)
    position: Mapped[int]
    label: Mapped[str]
    count: Mapped[int | None]
    url: Mapped[str] = mapped_column(Text)
    as_of: Mapped[int | None]
