"""SMS templates, and what the outbox carrier took instead of sending."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from crm_plugin.kernel.db.types import Base, Id, Json, Key, Text, UtcDateTime


class SmsTemplate(Base):
    """One version of an SMS text with its approval life; only an approved one sends.

    A text that a carrier has seen is never changed: editing it makes the next version.
    """

    __tablename__ = "crm_sms_template"
    __table_args__ = (sa.UniqueConstraint("key", "version"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    key: Mapped[str] = mapped_column(Key(64))
    version: Mapped[int] = mapped_column(default=1)
    locale: Mapped[str] = mapped_column(Key(8))
    name: Mapped[str] = mapped_column(Key())
    text: Mapped[str] = mapped_column(Text)
    purpose: Mapped[str] = mapped_column(Key(16), default="marketing")
    signature: Mapped[str] = mapped_column(Key(64), default="")
    """The name that signs it; empty: the installation's."""
    examples: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    """Declared variable → an example of its value."""
    state: Mapped[str] = mapped_column(Key(16), default="draft")
    """``draft submitted approved rejected``."""
    carrier: Mapped[str] = mapped_column(Key(16), default="")
    """Whose answer ``state`` is; empty: it holds at every carrier."""
    reason: Mapped[str | None] = mapped_column(Text)
    """Why it was rejected, or what became of a submission."""
    carrier_codes: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    """Carrier → the code it gave this text."""
    filed_as: Mapped[str] = mapped_column(Key(64), default="")
    """The code that ``carrier`` gave it when it was submitted; empty: not known."""
    submitted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    stock: Mapped[bool] = mapped_column(default=False)
    archived: Mapped[bool] = mapped_column(default=False)
    """Not offered any more; all versions alike."""
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class OutboxMessage(Base):
    """A message that the outbox carrier took: what would have been sent, and to which address."""

    __tablename__ = "crm_outbox"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    key: Mapped[str] = mapped_column(Key(64), unique=True)
    """The ledger row's key: the database refuses a second message for it."""
    campaign_id: Mapped[int | None] = mapped_column(Id, index=True)
    channel: Mapped[str] = mapped_column(Key(16))
    person: Mapped[str] = mapped_column(Key())
    """The school's id of the person; empty for a test send."""
    address: Mapped[str] = mapped_column(Text)
    subject: Mapped[str | None] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    html: Mapped[str | None] = mapped_column(Text)
    links: Mapped[list[str]] = mapped_column(Json, default=list)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class Bounce(Base):
    """One e-mail that came back, or was called spam; the reasons behind suppressed addresses."""

    __tablename__ = "crm_bounce"
    __table_args__ = (
        sa.Index("ix_crm_bounce_address", "address_key", "kind"),
        sa.Index("ix_crm_bounce_at", "at", "kind"),
        sa.Index("ix_crm_bounce_delivery", "delivery_id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    event_key: Mapped[str] = mapped_column(Key(128), unique=True)
    """Its own name, so that nothing counts twice."""
    address_key: Mapped[str] = mapped_column(Key(255))
    kind: Mapped[str] = mapped_column(Key(12))
    """``hard soft refused complaint``."""
    status: Mapped[str] = mapped_column(Key(16), default="")
    source: Mapped[str] = mapped_column(Key(16))
    """``mail``, ``post`` or ``smtp``."""
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    delivery_id: Mapped[int | None] = mapped_column(Id)
    counts: Mapped[bool] = mapped_column(default=True)
    """False once somebody let the address be written to again, or too many came back alike."""
    words: Mapped[str | None] = mapped_column(Key(255))
    """What the mail server said, without addresses."""


class RateWindow(Base):
    """State of a rate limit when there is no Redis: one row for each limit, guarded by its lock."""

    __tablename__ = "crm_rate_window"

    name: Mapped[str] = mapped_column(Key(), primary_key=True)
    next_at: Mapped[float] = mapped_column(sa.Double)
    """When the next message is due, in seconds of the database's clock."""
    log: Mapped[list[Any]] = mapped_column(Json, default=list)
    """What the last window granted: [first, latest, how many]."""
