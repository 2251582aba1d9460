"""Tables of automations; only this capability reads and writes them."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from crm_plugin.kernel.db.types import Base, Id, Json, Key, UtcDateTime


class Automation(Base):
    """A chase: what starts it for a person, its steps, and the goal that ends it."""

    __tablename__ = "crm_automation"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(Key())
    state: Mapped[str] = mapped_column(Key(16), default="draft")
    """``draft on paused ended``."""
    document: Mapped[dict[str, Any]] = mapped_column(Json)
    """All the rest of its file (:mod:`crm_plugin.automations.language.document`)."""
    searches: Mapped[dict[str, Any] | None] = mapped_column(Json)
    """Quick queries that its conditions stand on, by their ids, as they were when it was switched on."""
    revision: Mapped[int] = mapped_column(default=0)
    scope: Mapped[list[str] | None] = mapped_column(Json)
    """Courses (host ids) that its author is limited to; None = everything."""
    contacts: Mapped[bool] = mapped_column(default=True)
    """Whether its author may see telephones and addresses: else its conditions see no text that holds one."""
    created_by: Mapped[str] = mapped_column(Key())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it was first switched on: from then on its build is fixed."""
    since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Causes before it bring nobody in: when it was switched on or resumed, unless older ones were chosen."""
    next_look_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it is next looked who has given cause."""
    looks: Mapped[int] = mapped_column(default=0)
    """How often that was done."""
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the draft was deleted; until it is swept away it can be restored."""


class Member(Base):
    """A person in an automation for one cause; the row stays when they are through.

    ``UNIQUE(chase, person_id)``: the database itself refuses a second chase of a kind at a time; ``chase``
    is NULL once it is over, so that it does not take the place.
    """

    __tablename__ = "crm_automation_member"
    __table_args__ = (
        sa.UniqueConstraint("automation_id", "person_id", "cause"),
        sa.UniqueConstraint("chase", "person_id"),
        sa.Index("ix_crm_automation_member_due", "automation_id", "state", "due_at"),
        sa.Index("ix_crm_automation_member_person", "person_id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    automation_id: Mapped[int] = mapped_column(Id)
    person_id: Mapped[int] = mapped_column(Id)
    cause: Mapped[str] = mapped_column(Key(64))
    """What it is for, once: an order, an enrolment, a day, or the look that found them in the segment."""
    chase: Mapped[str | None] = mapped_column(Key(64))
    """What nobody is in twice at a time; None once it is over."""
    root_id: Mapped[int] = mapped_column(Id, default=0)
    """The cause's course, as its root; 0 = it has none."""
    row_id: Mapped[int] = mapped_column(Id, default=0)
    """The cause's order or enrolment; 0 = it has none."""
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    """The date that it is about, as it was; of a segment the look that found them there."""
    entered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    step: Mapped[int] = mapped_column(default=0)
    """The step that they stand before, or that they stopped at."""
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When that step is to be done; of one who is through, when that was."""
    state: Mapped[str] = mapped_column(Key(16), default="active")
    """``active done stopped``."""
    reason: Mapped[str | None] = mapped_column(Key(32))
    """Why they stopped."""


class Inside(Base):
    """The people in the segment of an automation at its last look."""

    __tablename__ = "crm_automation_inside"
    __table_args__ = (sa.Index("ix_crm_automation_inside_person", "person_id"),)

    automation_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    person_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    root_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False, default=0)
    """The course whose stage it is, as its root; 0 = no stage of any course."""
    look: Mapped[int]
    """The number of the look that found them there."""
