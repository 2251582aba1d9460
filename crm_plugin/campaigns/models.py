"""Tables of campaigns and of the ledger; only this capability reads and writes them."""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from crm_plugin.kernel.db.types import Base, Id, Json, Key, Text, UtcDateTime


class Campaign(Base):
    """An audience, a channel, a content, a purpose and a policy."""

    __tablename__ = "crm_campaign"
    __table_args__ = (sa.Index("ix_crm_campaign_parent", "parent_id", "kind"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(Key())
    kind: Mapped[str] = mapped_column(Key(16), default="campaign")
    """``campaign``; ``single`` for a one-to-one message, ``step`` for one of an automation, ``recurring`` for
    one whose children are sent: the list shows the first only."""
    parent_id: Mapped[int | None] = mapped_column(Id)
    """The automation (of a ``step``) or the recurring campaign (of a ``campaign``) that made it."""
    step: Mapped[int | None]
    """Which step of its automation it is."""
    channel: Mapped[str] = mapped_column(Key(16))
    purpose: Mapped[str] = mapped_column(Key(16), default="marketing")
    topic_id: Mapped[int | None] = mapped_column(Id)
    """What it is about, of the school's list; None = nothing in particular. Service messages have none."""
    state: Mapped[str] = mapped_column(Key(16), default="draft", index=True)
    reason: Mapped[str | None] = mapped_column(Key(64))
    """Why it is paused or held."""
    audience: Mapped[dict[str, Any]] = mapped_column(Json)
    searches: Mapped[dict[str, Any] | None] = mapped_column(Json)
    """Quick queries that audience and goal stand on, by their ids, as they were at the launch."""
    content: Mapped[dict[str, Any]] = mapped_column(Json)
    """``template`` or ``subject html text``; ``variables``; ``link``."""
    policy: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    holdout: Mapped[float] = mapped_column(sa.Double, default=0.0)
    planned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    zone: Mapped[str | None] = mapped_column(Key(64))
    """IANA name of the zone in which people think of ``planned_at``; None = the school's."""
    revision: Mapped[int] = mapped_column(default=0)
    """Counts the changes of a draft: saving an older one is refused."""
    writer: Mapped[str | None] = mapped_column(Key(64))
    """Which open form wrote the newest revision: one form is never in its own way."""
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the draft was deleted; until it is swept away it can be restored."""
    scope: Mapped[list[str] | None] = mapped_column(Json)
    """Courses (host ids) that its author is limited to; None = everything."""
    contacts: Mapped[bool] = mapped_column(default=True, server_default=sa.true())
    """Whether its author may see telephones and addresses: else its conditions see no text that holds one."""
    created_by: Mapped[str] = mapped_column(Key())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    launched_by: Mapped[str | None] = mapped_column(Key())
    launched_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    as_of: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """The present of the freeze, from the launch on: every condition is decided at this instant."""
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When a person let it go on although it was held."""
    failed_in_row: Mapped[int] = mapped_column(default=0)
    """Messages one after the other that the carrier could not take, over all workers."""
    lately_answered: Mapped[int] = mapped_column(default=0)
    lately_failed: Mapped[int] = mapped_column(default=0)
    """Of the answers since about the last few hundred: how many were failures or refusals."""
    refused_alike: Mapped[str | None] = mapped_column(Key(64))
    """The reason of the last refusals, where all of them had the same."""
    refused_in_row: Mapped[int] = mapped_column(default=0, server_default="0")
    """Refusals with that reason one after the other, without a success, over all workers."""
    last_words: Mapped[str | None] = mapped_column(Key(255))
    """What the carrier said of its last refusal."""
    freeze_step: Mapped[str | None] = mapped_column(Key(16))
    """``staging``, ``copying`` or ``done``."""
    freeze_after: Mapped[int] = mapped_column(Id, default=0)
    freeze_token: Mapped[str | None] = mapped_column(Key(36))
    freeze_lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Staged(Base):
    """The freeze's decision for one person: written by one statement in one snapshot."""

    __tablename__ = "crm_staged"

    campaign_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    person_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    address: Mapped[str | None] = mapped_column(Key(255))
    address_key: Mapped[str | None] = mapped_column(Key(255))
    reason: Mapped[str | None] = mapped_column(Key(16))
    """Why they are excluded; None = they are to get it."""


def _index_of_known(known: str, name: str, *columns: str) -> sa.Index:
    """Return an index of the rows where a column is known; MariaDB, which has no such, indexes all.

    Few rows of a ledger are leased at once, and each change of a row is written to every index it is in.
    """
    where = sa.text(f"{known} IS NOT NULL")
    return sa.Index(name, *columns, postgresql_where=where, sqlite_where=where)


class Delivery(Base):
    """A row of the ledger: one considered person of one campaign.

    ``UNIQUE(campaign, channel, address_key)``: the database itself refuses a second message to
    one address; ``address_key`` is NULL on excluded rows, so that they do not take the place.
    """

    __tablename__ = "crm_delivery"
    __table_args__ = (
        sa.UniqueConstraint("campaign_id", "person_id"),
        sa.UniqueConstraint("campaign_id", "channel", "address_key"),
        sa.Index("ix_crm_delivery_state", "campaign_id", "state", "id"),
        _index_of_known("lease_until", "ix_crm_delivery_lease", "state", "lease_until"),
        _index_of_known("token", "ix_crm_delivery_token", "token"),
        sa.Index("ix_crm_delivery_person", "person_id", "state", "handed_at"),
        _index_of_known("carrier_ref", "ix_crm_delivery_carrier", "carrier", "carrier_ref"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(Id)
    person_id: Mapped[int] = mapped_column(Id)
    channel: Mapped[str] = mapped_column(Key(16))
    address: Mapped[str | None] = mapped_column(Key(255))
    address_key: Mapped[str | None] = mapped_column(Key(255))
    variant: Mapped[str | None] = mapped_column(Key(8))
    state: Mapped[str] = mapped_column(Key(20))
    reason: Mapped[str | None] = mapped_column(Key(64))
    """Why excluded, waiting, failed, unknown or cancelled."""
    waits_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    token: Mapped[str | None] = mapped_column(Key(36))
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tries: Mapped[int] = mapped_column(default=0)
    marketing: Mapped[bool] = mapped_column(default=True)
    """The campaign's purpose is marketing: counts for caps and the fact ``last_marketed_at``."""
    carrier: Mapped[str | None] = mapped_column(Key(32))
    carrier_ref: Mapped[str | None] = mapped_column(Key(128))
    handed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the row was marked *sending* for the attempt that counts."""
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    words: Mapped[str | None] = mapped_column(Key(255))
    """What the carrier said when it refused the message, without addresses."""
    parts: Mapped[int | None]
    """Billed parts of an SMS, as it was handed over; None for other channels."""


class SentDay(Base):
    """Messages of one campaign that were handed over on one day; made of the ledger, which has the truth."""

    __tablename__ = "crm_sent_day"

    campaign_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(sa.Date, primary_key=True)
    """In the school's zone."""
    messages: Mapped[int]
    """Sending, sent, delivered or unknown."""
    received: Mapped[int]
    """Sent or delivered: what click rates go by."""
    parts: Mapped[int]
    """Billed parts of the SMS among them."""
    measured: Mapped[int]
    """Messages whose parts are known: those before parts were counted are not."""
    __table_args__ = (sa.Index("ix_crm_sent_day_day", "day", "campaign_id"),)


class EarlyReport(Base):
    """A delivery report that matched no row yet; it is matched when the row settles."""

    __tablename__ = "crm_early_report"
    __table_args__ = (sa.UniqueConstraint("carrier", "carrier_ref", "state"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    carrier: Mapped[str] = mapped_column(Key(32))
    carrier_ref: Mapped[str] = mapped_column(Key(128))
    state: Mapped[str] = mapped_column(Key(20))
    reason: Mapped[str | None] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class Reply(Base):
    """What somebody sent to our number, or their carrier's word that they want no more: a row each person.

    Each message or refusal counts once, however often a carrier sends it.
    """

    __tablename__ = "crm_reply"
    __table_args__ = (
        sa.UniqueConstraint("event_key", "person_id"),
        sa.Index("ix_crm_reply_person", "person_id", "at"),
        sa.Index("ix_crm_reply_staff", "staff", "done_at"),
        sa.Index("ix_crm_reply_delivery", "delivery_id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    event_key: Mapped[str] = mapped_column(Key(64))
    person_id: Mapped[int] = mapped_column(Id)
    """0 = nobody that we know had the address."""
    channel: Mapped[str] = mapped_column(Key(16))
    carrier: Mapped[str] = mapped_column(Key(32))
    address_key: Mapped[str] = mapped_column(Key(255))
    wish: Mapped[str] = mapped_column(Key(8))
    """``stop start refused`` (by the carrier), or empty: staff are to read it."""
    text: Mapped[str] = mapped_column(Text)
    """What was written, or the carrier's code."""
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    delivery_id: Mapped[int | None] = mapped_column(Id)
    """The last message to the address before it, or the one that was refused."""
    staff: Mapped[str | None] = mapped_column(Key())
    """The school's id of the actor who sent that."""
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When nothing was left to do about it."""
