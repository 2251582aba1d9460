"""Tables of what the school says about people, and of what people say themselves.

``id`` is a dense number of our own (joins and sets of a million want one); ``host_id`` is the
school's. Columns ending in ``_folded`` hold NFKC-casefolded text for comparisons. There are no
foreign keys between streams: rows arrive in bulk, parked rows keep the order, erasing is set-based.
"""

from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from crm_plugin.kernel.db.types import Base, Folded, Id, Json, Key, Money, Text, UtcDateTime

HELD_MONEY = ("paid", "refunding", "partly_refunded", "refunded")
"""States of an order that ever held money."""

FOLDED = 255
"""Folded text in an index is cut to this many characters."""


class Person(Base):
    """A person, with the facts that are kept about them."""

    __tablename__ = "crm_person"
    __table_args__ = (
        sa.Index("ix_crm_person_registered_at", "registered_at"),
        sa.Index("ix_crm_person_last_active_at", "last_active_at"),
        sa.Index("ix_crm_person_email_key", "email_key"),
        sa.Index("ix_crm_person_phone_key", "phone_key"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    host_id: Mapped[str] = mapped_column(Key(), unique=True)
    row_hash: Mapped[str] = mapped_column(Key(32))
    status: Mapped[str] = mapped_column(Key(16))
    merged_into: Mapped[str | None] = mapped_column(Key())

    display_name: Mapped[str] = mapped_column(Text)
    display_name_folded: Mapped[str] = mapped_column(Folded)
    real_name: Mapped[str | None] = mapped_column(Text)
    real_name_folded: Mapped[str | None] = mapped_column(Folded)
    username: Mapped[str | None] = mapped_column(Text)
    username_folded: Mapped[str | None] = mapped_column(Folded)
    email: Mapped[str | None] = mapped_column(Text)
    email_folded: Mapped[str | None] = mapped_column(Folded)
    email_key: Mapped[str | None] = mapped_column(Key(FOLDED))
    """The address to send to, normalised; None when it is no address or the host's placeholder."""
    email_verified: Mapped[bool | None]
    email_stopped: Mapped[bool | None]
    phone: Mapped[str | None] = mapped_column(Text)
    phone_folded: Mapped[str | None] = mapped_column(Folded)
    phone_key: Mapped[str | None] = mapped_column(Key(32))
    """E.164 of a number that can be a mobile; None otherwise."""
    phone_verified: Mapped[bool | None]
    gender: Mapped[str | None] = mapped_column(Key(FOLDED))
    gender_folded: Mapped[str | None] = mapped_column(Key(FOLDED))
    birthday: Mapped[date | None] = mapped_column(sa.Date)
    locale: Mapped[str | None] = mapped_column(Key(FOLDED))
    locale_folded: Mapped[str | None] = mapped_column(Key(FOLDED))
    timezone: Mapped[str | None] = mapped_column(Key(64))
    country: Mapped[str | None] = mapped_column(Key(FOLDED))
    country_folded: Mapped[str | None] = mapped_column(Key(FOLDED))
    city: Mapped[str | None] = mapped_column(Text)
    city_folded: Mapped[str | None] = mapped_column(Folded)
    company: Mapped[str | None] = mapped_column(Text)
    company_folded: Mapped[str | None] = mapped_column(Folded)
    registered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_login_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    host_active_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """The host's own last access; ``last_active_at`` below is the fact."""
    member_level: Mapped[str | None] = mapped_column(Key(FOLDED))
    member_level_folded: Mapped[str | None] = mapped_column(Key(FOLDED))
    member_rank: Mapped[int | None]
    member_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    member_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    is_staff: Mapped[bool] = mapped_column(default=False)
    """Has a role staff or admin, or teacher and not learner: not to be marketed."""

    paid_count: Mapped[int] = mapped_column(default=0)
    paid_total: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    refunded_total: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    unpaid_count: Mapped[int] = mapped_column(default=0)
    first_paid_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_paid_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_active_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_learned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    marketed_count: Mapped[int] = mapped_column(default=0)
    last_marketed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PersonTag(Base):
    """A tag or a role of a person."""

    __tablename__ = "crm_person_tag"

    person_id: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(Key(8), primary_key=True)
    """``tag`` or ``role``."""
    folded: Mapped[str] = mapped_column(Key(), primary_key=True)
    value: Mapped[str] = mapped_column(Key())
    __table_args__ = (sa.Index("ix_crm_person_tag_value", "kind", "folded", "person_id"),)


class PersonAttribute(Base):
    """A value of a field that only this school has."""

    __tablename__ = "crm_person_attribute"

    person_id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(Key(64), primary_key=True)
    value: Mapped[str] = mapped_column(Text)
    folded: Mapped[str] = mapped_column(Key(FOLDED))
    whole: Mapped[str | None] = mapped_column(Folded)
    """The folded text where it is longer than :attr:`folded` holds."""
    __table_args__ = (sa.Index("ix_crm_person_attribute_value", "name", "folded", "person_id"),)


class Interest(Base):
    """An interest tag of a person: a tag of courses behind what they did, with its reasons."""

    __tablename__ = "crm_interest"

    person_id: Mapped[int] = mapped_column(Id, primary_key=True)
    folded: Mapped[str] = mapped_column(Key(), primary_key=True)
    tag: Mapped[str] = mapped_column(Key())
    strength: Mapped[float] = mapped_column(sa.Double)
    """Logarithm to base 2 of its weight, as of a fixed day (:mod:`crm_plugin.profiles.facts.interests`)."""
    reasons: Mapped[dict[str, int]] = mapped_column(Json)
    """Kind of signal, ``enrolled`` or ``bought`` → how many."""
    __table_args__ = (sa.Index("ix_crm_interest_tag", "folded", "person_id"),)


class Course(Base):
    """A course, class or open course."""

    __tablename__ = "crm_course"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    host_id: Mapped[str] = mapped_column(Key(), unique=True)
    row_hash: Mapped[str] = mapped_column(Key(32))
    parent_host_id: Mapped[str | None] = mapped_column(Key())
    root_id: Mapped[int] = mapped_column(Id, index=True, default=0)
    """The course at the top of the copies and plans; itself when it is no copy."""
    kind: Mapped[str] = mapped_column(Key(8))
    title: Mapped[str] = mapped_column(Text)
    title_folded: Mapped[str] = mapped_column(Folded)
    status: Mapped[str] = mapped_column(Key(16))
    starts_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    price: Mapped[Decimal | None] = mapped_column(Money)
    currency: Mapped[str | None] = mapped_column(Key(3))
    capacity: Mapped[int | None]
    gone: Mapped[bool] = mapped_column(default=False)
    """The school no longer has it; kept, because quick queries and history name it."""


class CourseLabel(Base):
    """A tag or a category of a course."""

    __tablename__ = "crm_course_label"

    course_id: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(Key(8), primary_key=True)
    """``tag`` or ``category``."""
    folded: Mapped[str] = mapped_column(Key(), primary_key=True)
    value: Mapped[str] = mapped_column(Key())
    position: Mapped[int] = mapped_column(default=0)
    __table_args__ = (sa.Index("ix_crm_course_label_value", "kind", "folded", "course_id"),)


class CourseLink(Base):
    """What a class contains, and who teaches a course."""

    __tablename__ = "crm_course_link"

    course_id: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(Key(8), primary_key=True)
    """``contains`` (a course's host id) or ``teacher`` (a person's host id)."""
    host_id: Mapped[str] = mapped_column(Key(), primary_key=True)


class Enrolment(Base):
    """An enrolment; several for one person and course are legal."""

    __tablename__ = "crm_enrolment"
    __table_args__ = (
        sa.Index("ix_crm_enrolment_person", "person_id", "root_id"),
        sa.Index("ix_crm_enrolment_root", "root_id", "role", "state", "person_id", "course_id"),
        sa.Index("ix_crm_enrolment_expires", "expires_at", "person_id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    host_id: Mapped[str] = mapped_column(Key(), unique=True)
    row_hash: Mapped[str] = mapped_column(Key(32))
    person_id: Mapped[int] = mapped_column(Id)
    course_id: Mapped[int] = mapped_column(Id)
    root_id: Mapped[int] = mapped_column(Id)
    role: Mapped[str] = mapped_column(Key(16))
    source: Mapped[str] = mapped_column(Key(16))
    state: Mapped[str] = mapped_column(Key(16))
    enrolled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    starts_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    end_kind: Mapped[str | None] = mapped_column(Key(16))
    end_reason: Mapped[str | None] = mapped_column(Text)
    end_reason_folded: Mapped[str | None] = mapped_column(Folded)
    order_host_id: Mapped[str | None] = mapped_column(Key())
    progress: Mapped[float | None] = mapped_column(sa.Double)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_learned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Order(Base):
    """An order, paid or not."""

    __tablename__ = "crm_order"
    __table_args__ = (
        sa.Index("ix_crm_order_person", "person_id", "state", "paid_at"),
        sa.Index("ix_crm_order_paid", "paid_at", "state", "person_id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    host_id: Mapped[str] = mapped_column(Key(), unique=True)
    row_hash: Mapped[str] = mapped_column(Key(32))
    person_id: Mapped[int | None] = mapped_column(Id)
    state: Mapped[str] = mapped_column(Key(16))
    amount: Mapped[Decimal] = mapped_column(Money)
    currency: Mapped[str] = mapped_column(Key(3))
    refunded: Mapped[Decimal] = mapped_column(Money)
    created_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    paid_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closes_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    refund_requested: Mapped[Decimal | None] = mapped_column(Money)
    refunded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    refund_reason: Mapped[str | None] = mapped_column(Text)
    source: Mapped[str | None] = mapped_column(Key(FOLDED))
    source_folded: Mapped[str | None] = mapped_column(Key(FOLDED))
    coupon: Mapped[str | None] = mapped_column(Key(FOLDED))
    coupon_folded: Mapped[str | None] = mapped_column(Key(FOLDED))


class OrderLine(Base):
    """One thing that an order is for; person and state stand here too, for covering indexes."""

    __tablename__ = "crm_order_line"
    __table_args__ = (
        sa.Index("ix_crm_order_line_root", "root_id", "held_money", "person_id"),
        sa.Index("ix_crm_order_line_person", "person_id", "root_id", "held_money"),
    )

    order_id: Mapped[int] = mapped_column(Id, primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int | None] = mapped_column(Id)
    held_money: Mapped[bool] = mapped_column(default=False)
    """The order ever held money: paid, refunding, partly_refunded or refunded."""
    kind: Mapped[str] = mapped_column(Key(16))
    item_host_id: Mapped[str | None] = mapped_column(Key())
    course_id: Mapped[int | None] = mapped_column(Id)
    root_id: Mapped[int | None] = mapped_column(Id)
    amount: Mapped[Decimal] = mapped_column(Money)
    refunded: Mapped[Decimal] = mapped_column(Money)


class Signal(Base):
    """What a person did that shows interest or life."""

    __tablename__ = "crm_signal"
    __table_args__ = (
        sa.Index("ix_crm_signal_person", "person_id", "kind", "at", "root_id"),
        sa.Index("ix_crm_signal_root", "root_id", "kind", "at", "person_id", "course_id"),
        sa.Index("ix_crm_signal_kind", "kind", "at", "person_id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    host_id: Mapped[str] = mapped_column(Key(), unique=True)
    row_hash: Mapped[str] = mapped_column(Key(32))
    person_id: Mapped[int] = mapped_column(Id)
    kind: Mapped[str] = mapped_column(Key(16))
    course_id: Mapped[int | None] = mapped_column(Id)
    root_id: Mapped[int | None] = mapped_column(Id)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    count: Mapped[int] = mapped_column(default=1)


class ConsentRecord(Base):
    """One line of the consent ledger; lines are added, never changed."""

    __tablename__ = "crm_consent_record"
    __table_args__ = (
        sa.Index("ix_crm_consent_record_person", "person_id", "channel"),
        sa.Index("ix_crm_consent_record_push", "to_push", "id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    person_id: Mapped[int] = mapped_column(Id)
    channel: Mapped[str] = mapped_column(Key(16))
    purpose: Mapped[str] = mapped_column(Key(16))
    state: Mapped[str] = mapped_column(Key(8))
    """``granted`` or ``denied``; ``unknown`` when the school took its answer back."""
    origin: Mapped[str] = mapped_column(Key(8))
    """``host`` or ``own``."""
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    source: Mapped[str] = mapped_column(Text, default="")
    text_version: Mapped[str] = mapped_column(Key(32), default="")
    to_push: Mapped[bool] = mapped_column(default=False)
    """The school does not have it yet."""


class Consent(Base):
    """The consent in force, one row for each person and channel with a known answer."""

    __tablename__ = "crm_consent"

    person_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    channel: Mapped[str] = mapped_column(Key(16), primary_key=True)
    state: Mapped[str] = mapped_column(Key(8))
    origin: Mapped[str] = mapped_column(Key(8))
    at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    __table_args__ = (sa.Index("ix_crm_consent_state", "channel", "state", "person_id"),)


class Suppression(Base):
    """An address that is not to be written to."""

    __tablename__ = "crm_suppression"
    __table_args__ = (sa.UniqueConstraint("channel", "address_key", "scope", "reason"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    channel: Mapped[str] = mapped_column(Key(16))
    address_key: Mapped[str] = mapped_column(Key(FOLDED))
    scope: Mapped[str] = mapped_column(Key(16))
    """``marketing`` or ``all``."""
    reason: Mapped[str] = mapped_column(Key(16))
    """``opt_out bounce complaint manual``."""
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    source: Mapped[str] = mapped_column(Text, default="")


class Forgotten(Base):
    """A keyed hash of an erased person's id, so that a later scan does not bring them back."""

    __tablename__ = "crm_forgotten"

    id_hash: Mapped[str] = mapped_column(Key(64), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
