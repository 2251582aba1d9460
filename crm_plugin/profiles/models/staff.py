"""Tables of what the school's staff write down about a person themselves."""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from crm_plugin.kernel.db.types import Base, Id, Json, Key, Text, UtcDateTime


class FollowUp(Base):
    """A call, visit or note, and when to come back to it."""

    __tablename__ = "crm_follow_up"
    __table_args__ = (
        sa.Index("ix_crm_follow_up_person", "person_id", "at"),
        sa.Index("ix_crm_follow_up_due", "author", "due_on"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    person_id: Mapped[int] = mapped_column(Id)
    kind: Mapped[str] = mapped_column(Key(16))
    """``call visit message note other``."""
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When it was written down."""
    due_on: Mapped[date | None] = mapped_column(sa.Date)
    """The day, in the school's zone, to come back to it; None = nothing more to do."""
    author: Mapped[str] = mapped_column(Key())
    """The school's id of the actor who wrote it, and whose list it is due on."""
    author_name: Mapped[str] = mapped_column(Text, default="")
    """What that actor was called then: the school may no longer know them."""
    changed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class FollowUpChange(Base):
    """What a follow-up said before somebody changed it; lines are added, never changed."""

    __tablename__ = "crm_follow_up_change"
    __table_args__ = (sa.Index("ix_crm_follow_up_change_person", "person_id", "follow_up_id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    follow_up_id: Mapped[int] = mapped_column(Id)
    person_id: Mapped[int] = mapped_column(Id)
    kind: Mapped[str] = mapped_column(Key(16))
    text: Mapped[str] = mapped_column(Text)
    due_on: Mapped[date | None] = mapped_column(sa.Date)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When it was replaced."""
    author: Mapped[str] = mapped_column(Key())
    """The school's id of the actor who replaced it."""
    author_name: Mapped[str] = mapped_column(Text, default="")


class Intention(Base):
    """How much somebody wants a course, as staff set it: the level in force."""

    __tablename__ = "crm_intention"
    __table_args__ = (
        sa.UniqueConstraint("person_id", "course_id"),
        sa.Index("ix_crm_intention_root", "root_id", "level", "person_id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    person_id: Mapped[int] = mapped_column(Id)
    course_id: Mapped[int] = mapped_column(Id)
    root_id: Mapped[int] = mapped_column(Id)
    level: Mapped[str] = mapped_column(Key(8))
    """``none low medium high won lost``."""
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class IntentionChange(Base):
    """One line of the history of intentions; lines are added, never changed."""

    __tablename__ = "crm_intention_change"
    __table_args__ = (sa.Index("ix_crm_intention_change_person", "person_id", "course_id", "id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    person_id: Mapped[int] = mapped_column(Id)
    course_id: Mapped[int] = mapped_column(Id)
    level: Mapped[str | None] = mapped_column(Key(8))
    """None = removed: the suggestion stands alone again."""
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    author: Mapped[str] = mapped_column(Key())
    author_name: Mapped[str] = mapped_column(Text, default="")


class CrmTag(Base):
    """A tag of the school's marketing staff on a person; the school's own tags are in ``crm_person_tag``."""

    __tablename__ = "crm_tag"
    __table_args__ = (
        sa.Index("ix_crm_tag_folded", "folded", "state", "person_id"),
        sa.Index("ix_crm_tag_batch", "batch"),
    )

    person_id: Mapped[int] = mapped_column(Id, primary_key=True)
    folded: Mapped[str] = mapped_column(Key(), primary_key=True)
    value: Mapped[str] = mapped_column(Key())
    state: Mapped[str] = mapped_column(Key(4))
    """``on``, or ``off``: taken off lately, and kept so that it can be undone."""
    batch: Mapped[str] = mapped_column(Key(36))
    """Of the change that put it on or took it off."""
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When it was put on."""
    author: Mapped[str] = mapped_column(Key())
    author_name: Mapped[str] = mapped_column(Text, default="")


class Undo(Base):
    """A change that its author may undo for a while."""

    __tablename__ = "crm_undo"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    actor: Mapped[str] = mapped_column(Key())
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    kind: Mapped[str] = mapped_column(Key(32))
    payload: Mapped[dict[str, Any]] = mapped_column(Json)
