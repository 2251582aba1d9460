"""Tables of links and of raw clicks; only this capability reads the clicks."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from crm_plugin.kernel.db.types import Base, Id, Json, Key, Text, UtcDateTime


class Link(Base):
    """A target as it was stored at launch, byte for byte."""

    __tablename__ = "crm_link"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    campaign_id: Mapped[int | None] = mapped_column(Id, index=True)
    target: Mapped[str] = mapped_column(Text)
    position: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LinkKey(Base):
    """A signing key; old ones still verify."""

    __tablename__ = "crm_link_key"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    secret: Mapped[str] = mapped_column(Key(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Hit(Base):
    """One request for a tracked link, raw, with the class that it was given later."""

    __tablename__ = "crm_hit"
    __table_args__ = (
        sa.UniqueConstraint("spool", "spool_offset"),
        sa.Index("ix_crm_hit_delivery", "delivery_id", "kind"),
        sa.Index("ix_crm_hit_new", "kind", "delivery_id"),
        sa.Index("ix_crm_hit_campaign", "campaign_id", "kind", "person_id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    spool: Mapped[str] = mapped_column(Key(64))
    spool_offset: Mapped[int] = mapped_column(sa.BigInteger)
    link_id: Mapped[int] = mapped_column(Id)
    campaign_id: Mapped[int | None] = mapped_column(Id)
    delivery_id: Mapped[int] = mapped_column(Id)
    """The ledger row behind the code; 0 for a link without a recipient."""
    person_id: Mapped[int | None] = mapped_column(Id)
    """Filled in at classification, from what campaigns know about the delivery."""
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    method: Mapped[str] = mapped_column(Key(8))
    agent: Mapped[str] = mapped_column(Text)
    network: Mapped[str] = mapped_column(Key(64))
    """A keyed hash of the visitor's address: it separates visitors and names nobody."""
    marks: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    """Request headers that matter for the class (prefetch, referrer's host)."""
    kind: Mapped[str] = mapped_column(Key(12), default="new")
    """``new human prefetch scanner unknown confirmed``; also ``test``."""
    reasons: Mapped[list[str]] = mapped_column(Json, default=list)


class Tally(Base):
    """The three measures of a campaign as last counted."""

    __tablename__ = "crm_click_tally"

    campaign_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    hits: Mapped[int] = mapped_column(default=0)
    human_hits: Mapped[int] = mapped_column(default=0)
    people_clicked: Mapped[int] = mapped_column(default=0)
    counted_at: Mapped[datetime] = mapped_column(UtcDateTime)
