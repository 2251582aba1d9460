"""What a host hands over: plain records with slots, cheap enough for a million rows a scan.

``None`` means "known to be empty" for a field that the host lists in :attr:`HostInfo.fields`, and
"unknown" for one that it does not list. Ids are opaque text; times are aware UTC; money is
``Decimal`` in major units with an ISO 4217 code. The gateway checks all of it, a page at a time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

CONTRACT = "1.1"
"""Version of this contract; the major number changes only when a host must change."""

STREAMS = ("courses", "persons", "enrolments", "orders", "signals")
"""The streams in referential order; ``persons``, ``courses`` and ``enrolments`` are required."""

PERMISSIONS = (
    "crm.view",
    "crm.contacts",
    "crm.edit",
    "crm.send",
    "crm.export",
    "crm.money",
    "crm.admin",
)


@dataclass(slots=True)
class Consent:
    """A recorded answer of a person: whether this channel may be used for this purpose."""

    channel: str
    """``email``, ``sms`` or ``message``."""
    granted: bool
    purpose: str = "marketing"
    at: datetime | None = None
    source: str = ""


@dataclass(slots=True)
class Person:
    """A person of the school."""

    id: str
    status: str = "active"
    """``active``, ``suspended``, ``unconfirmed`` or ``erased``."""
    display_name: str = ""
    real_name: str | None = None
    username: str | None = None
    email: str | None = None
    email_verified: bool | None = None
    email_stopped: bool | None = None
    phone: str | None = None
    """As the host stores it, in any spelling."""
    phone_verified: bool | None = None
    gender: str | None = None
    birthday: date | None = None
    locale: str | None = None
    timezone: str | None = None
    country: str | None = None
    city: str | None = None
    company: str | None = None
    registered_at: datetime | None = None
    last_login_at: datetime | None = None
    last_active_at: datetime | None = None
    roles: Sequence[str] = ("learner",)
    """Of ``learner``, ``teacher``, ``staff``, ``admin``."""
    member_level: str | None = None
    member_rank: int | None = None
    member_since: datetime | None = None
    member_until: datetime | None = None
    tags: Sequence[str] = ()
    consents: Sequence[Consent] = ()
    attributes: Mapping[str, str | int | bool | None] = field(default_factory=dict)
    merged_into: str | None = None


@dataclass(slots=True)
class Course:
    """A course, a class (which contains courses) or an open course."""

    id: str
    title: str
    parent_id: str | None = None
    """The course that this one is a copy or a plan of."""
    kind: str = "course"
    """``course``, ``class`` or ``open``."""
    category: Sequence[str] = ()
    """Path of categories, outermost first."""
    tags: Sequence[str] = ()
    status: str = "published"
    """``draft``, ``published`` or ``closed``."""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    price: Decimal | None = None
    currency: str | None = None
    capacity: int | None = None
    teacher_ids: Sequence[str] = ()
    course_ids: Sequence[str] = ()
    """What a class contains."""


@dataclass(slots=True)
class Enrolment:
    """A person's place in a course or class; several for one person and course are legal."""

    id: str
    person_id: str
    course_id: str
    role: str = "learner"
    """``learner``, ``auditor``, ``assistant`` or ``teacher``."""
    source: str = "other"
    """``purchase``, ``free``, ``import``, ``membership``, ``class`` or ``other``."""
    state: str = "active"
    """``active``, ``suspended``, ``pending`` or ``ended``."""
    enrolled_at: datetime | None = None
    starts_at: datetime | None = None
    expires_at: datetime | None = None
    ended_at: datetime | None = None
    end_kind: str | None = None
    """``refund``, ``removed``, ``left`` or ``expired``."""
    end_reason: str | None = None
    order_id: str | None = None
    progress: float | None = None
    """0 to 1."""
    completed_at: datetime | None = None
    last_learned_at: datetime | None = None


@dataclass(slots=True)
class OrderLine:
    """One thing that an order is for."""

    kind: str
    """``course``, ``class``, ``membership`` or ``other``."""
    item_id: str | None = None
    amount: Decimal = Decimal(0)
    refunded: Decimal = Decimal(0)


@dataclass(slots=True)
class Order:
    """An order, paid or not."""

    id: str
    person_id: str | None
    state: str
    """``pending``, ``paid``, ``closed``, ``refunding``, ``refunded`` or ``partly_refunded``."""
    amount: Decimal
    currency: str
    refunded: Decimal = Decimal(0)
    created_at: datetime | None = None
    paid_at: datetime | None = None
    closes_at: datetime | None = None
    """When an unpaid order will be closed."""
    closed_at: datetime | None = None
    refund_requested: Decimal | None = None
    refunded_at: datetime | None = None
    refund_reason: str | None = None
    lines: Sequence[OrderLine] = ()
    source: str | None = None
    coupon: str | None = None


@dataclass(slots=True)
class Signal:
    """What a person did that shows interest or life."""

    id: str
    person_id: str
    kind: str
    """``login view visit trial favourite audit question review coupon learn``."""
    at: datetime
    course_id: str | None = None
    count: int = 1


Record = Person | Course | Enrolment | Order | Signal
RECORDS: dict[str, type[Any]] = {
    "persons": Person,
    "courses": Course,
    "enrolments": Enrolment,
    "orders": Order,
    "signals": Signal,
}
"""Stream → class of its rows."""


@dataclass(slots=True)
class HostInfo:
    """Facts and capabilities of the host."""

    host_name: str
    site_id: str
    site_name: str
    host_version: str = ""
    contract: str = CONTRACT
    base_url: str = ""
    timezone: str = "UTC"
    locale: str = "en"
    currency: str | None = None
    region: str | None = None
    """ISO 3166; telephones without a country code are read by it."""
    streams: Sequence[str] = ("persons", "courses", "enrolments")
    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Stream → the fields that the host knows (attributes as ``attributes.<name>``)."""
    capabilities: Sequence[str] = ()
    """``changes.<stream> message message.idempotent layout pins figures consent.write convert``."""
    lag: Mapping[str, int] = field(default_factory=dict)
    """Stream or ``stream.field`` → seconds until a silent change is seen by a reconcile scan."""
    message_max_chars: int | None = None
    message_per_minute: int | None = None


@dataclass(slots=True)
class Actor:
    """The person at the screen."""

    id: str
    display_name: str
    permissions: frozenset[str] = frozenset()
    locale: str | None = None
    timezone: str | None = None
    scope: frozenset[str] | None = None
    """Course ids that this person is limited to; None = everything."""

    def may(self, permission: str) -> bool:
        """Return whether this person has a permission; ``crm.admin`` has them all."""
        return permission in self.permissions or "crm.admin" in self.permissions


@dataclass(slots=True)
class ScanPage:
    """One page of a full read in key order."""

    rows: list[Any]
    next: str | None
    """Pass it as ``after`` for the next page; None = the end was reached."""


@dataclass(slots=True)
class FetchPage:
    """Named rows; ``missing`` = gone."""

    rows: list[Any]
    missing: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Upsert:
    """A row is new or has changed."""

    row: Any


@dataclass(slots=True)
class Delete:
    """A row is gone."""

    id: str


@dataclass(slots=True)
class Touch:
    """A row may have changed: fetch it."""

    id: str


@dataclass(slots=True)
class ChangePage:
    """Changes since a mark, at least once each."""

    changes: list[Upsert | Delete | Touch]
    next_mark: str
    more: bool = False


class MarkExpired(Exception):
    """Raised by ``host_changes``: too much was forgotten since this mark; a full scan is needed."""


@dataclass(slots=True)
class MessageRequest:
    """One private message to one person."""

    key: str
    """The same at each attempt; a host that claims ``message.idempotent`` delivers a key once."""
    person_id: str
    text: str
    subject: str = ""
    url: str | None = None


@dataclass(slots=True)
class MessageReceipt:
    """What became of a private message."""

    status: str
    """``accepted``, ``rejected`` or ``unknown``."""
    id: str | None = None
    reason: str | None = None


@dataclass(slots=True)
class HostEvent:
    """A hint that something changed; carries ids only, and the CRM reads the rows again."""

    stream: str
    ids: Sequence[str]


@dataclass(slots=True)
class Pin:
    """A pinned quick query as the host's home shows it."""

    label: str
    count: int | None
    url: str
    as_of: datetime | None


@dataclass(slots=True)
class Figure:
    """A key figure of the CRM as the host's home shows it, to people who may see the whole school.

    :param key: names it for ever: ``bulk messages reached click_rate everybody registered active bought
        unpaid taken``; there may be others.
    :param labels: language → what it is called.
    :param value: None = not known now.
    :param unit: empty for a number, ``share`` for one from 0 to 1, else the currency of an amount (ISO 4217).
    :param url: the page of the CRM that explains it.
    :param as_of: when it was counted.
    :param permission: only for people who have it.
    """

    key: str
    labels: Mapping[str, str]
    value: Decimal | None
    unit: str
    url: str
    as_of: datetime | None
    permission: str = "crm.view"


@dataclass(slots=True)
class RequestFacts:
    """What ``host_current_actor`` may look at when it cannot see the web framework's request."""

    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    remote_addr: str | None = None


@dataclass(slots=True)
class LayoutPage:
    """A page of ours for the host's layout to wrap."""

    title: str
    body: str
    head: str = ""
    active: str = ""
    """Key of the menu entry to highlight."""
    locale: str = "en"


@dataclass(slots=True)
class MenuEntry:
    """An entry for the host's admin menu; its texts are by locale (``en``, ``zh``)."""

    key: str
    label: Mapping[str, str]
    url: str
    permission: str = "crm.view"


@dataclass(slots=True)
class LeadConversion:
    """A lead that becomes a person of the school."""

    key: str
    display_name: str
    phone: str | None = None
    email: str | None = None
