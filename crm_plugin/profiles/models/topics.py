"""Tables of the topics of a school's marketing, and of people's opt-outs of one."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from crm_plugin.kernel.db.types import Base, Id, Key, Text, UtcDateTime

NAME = 60
"""Characters of a topic's name: it stands on a button and in a list of a telephone's width."""


class Topic(Base):
    """What marketing may be about, such as new courses or offers."""

    __tablename__ = "crm_topic"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    """As it was typed; for readers of every language where ``name_zh`` is empty."""
    name_zh: Mapped[str] = mapped_column(Text, default="")
    """The same in Chinese."""
    folded: Mapped[str] = mapped_column(Key(), unique=True)
    """Of ``name``: two topics that read alike are one."""
    position: Mapped[int]
    archived_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Since when it is offered no more; what people said about it stays."""


class TopicOptOut(Base):
    """An address to which nothing about a topic is to be sent, by whatever channel its person said so.

    The school's own id of a person is their address for private messages: it stands for the person when
    their other addresses change.
    """

    __tablename__ = "crm_topic_opt_out"
    __table_args__ = (
        sa.UniqueConstraint("topic_id", "channel", "address_key"),
        sa.Index("ix_crm_topic_opt_out_address", "channel", "address_key"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    topic_id: Mapped[int] = mapped_column(Id)
    channel: Mapped[str] = mapped_column(Key(16))
    address_key: Mapped[str] = mapped_column(Key(255))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    source: Mapped[str] = mapped_column(Text, default="")
