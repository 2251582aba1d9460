"""Quick queries."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Text, true
from sqlalchemy.orm import Mapped, mapped_column

from crm_plugin.kernel.db.types import Base, Id, Json, Key, UtcDateTime


class QuickQuery(Base):
    """A quick query with its last count."""

    __tablename__ = "crm_query"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(Key())
    tree: Mapped[dict[str, Any]] = mapped_column(Json)
    owner: Mapped[str] = mapped_column(Key())
    scope: Mapped[list[str] | None] = mapped_column(Json)
    """Courses (host ids) that the owner was limited to when they saved it: its count is of these."""
    contacts: Mapped[bool] = mapped_column(default=True, server_default=true())
    """Whether the owner could see telephones and addresses then: its count is of what they may ask."""
    shared: Mapped[bool] = mapped_column(default=False)
    pinned: Mapped[bool] = mapped_column(default=False)
    position: Mapped[int] = mapped_column(default=0)
    count: Mapped[int | None]
    counted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Asked:
    """What somebody asks a worker to do about many people; a row of it is taken by one worker at a time."""

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    author: Mapped[str] = mapped_column(Key(), index=True)
    permissions: Mapped[list[str]] = mapped_column(Json)
    scope: Mapped[list[str] | None] = mapped_column(Json)
    """Courses (host ids) that the author was limited to; None = everything."""
    document: Mapped[dict[str, Any]] = mapped_column(Json)
    narrowing: Mapped[dict[str, Any] | None] = mapped_column(Json)
    state: Mapped[str] = mapped_column(Key(16))
    """``waiting``, ``running``, ``done`` or ``failed``."""
    problem: Mapped[str] = mapped_column(Key(64), default="")
    """Code of the error that it failed with."""
    total: Mapped[int]
    done: Mapped[int] = mapped_column(default=0)
    token: Mapped[str] = mapped_column(Key(36), default="")
    """Of the worker that does it; the name of an export's file has it too."""
    beat_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When that worker last gave a sign of life."""
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    """How often a worker has begun with it since it last came on."""
    position: Mapped[int] = mapped_column(Id, default=0, server_default="0")
    """Id of the last person that was done, in the order of ids."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Export(Asked, Base):
    """A list of people that a worker writes into a file for its author."""

    __tablename__ = "crm_export"

    columns: Mapped[list[str]] = mapped_column(Json)
    heading: Mapped[list[str]] = mapped_column(Json)
    """In the author's language."""
    format: Mapped[str] = mapped_column(Key(8))
    """``csv`` or ``xlsx``."""
    written: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """Bytes of the file up to there; an XLSX file is only written whole."""


class Tagging(Asked, Base):
    """A tag that a worker puts on many people, or takes off."""

    __tablename__ = "crm_tagging"

    author_name: Mapped[str] = mapped_column(Text, default="")
    tag: Mapped[str] = mapped_column(Key())
    put: Mapped[bool]
    batch: Mapped[str] = mapped_column(Key(36))
    """Of the tags that it puts on or takes off, also when a second worker goes on with it."""
    key: Mapped[str | None] = mapped_column(Key(64), unique=True)
    """The same for the same asked twice; None once it is over."""
    changed: Mapped[int] = mapped_column(default=0)
    """People who got the tag, or lost it."""
    undo_id: Mapped[int | None] = mapped_column(BigInteger)
