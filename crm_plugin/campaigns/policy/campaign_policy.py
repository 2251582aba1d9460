"""What one campaign's policy says, read once, and all else that decides about its people."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from crm_plugin.campaigns.policy.fields import Field, Number
from crm_plugin.kernel.clock import parse_instant
from crm_plugin.segments.language.tree import Tree

RATE = Field("rate", (Number("n"), Number("per_seconds", most=31 * 86_400)))


@dataclass(slots=True)
class Policy:
    """A policy in force; an absent key of the document means that there is no such rule."""

    document: Mapping[str, Any] = field(default_factory=dict)
    quiet: tuple[time, time] | None = None
    """(from, to): forbidden hours by the recipient's wall clock; may pass midnight."""
    goal: dict[str, Any] | None = None
    expires_at: datetime | None = None
    rate: tuple[int, ...] | None = None
    """(n, seconds)."""
    open_course: bool = False
    """Nothing leaves any more once the campaign's course takes nobody."""
    once: bool = False
    """Of a campaign that repeats: nobody gets it in two periods."""

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Policy":
        """Read a policy document, as the reading of a campaign file accepted it."""
        quiet, expires = document.get("quiet_hours"), document.get("expires_at")
        return cls(
            document=document,
            quiet=(time.fromisoformat(quiet["from"]), time.fromisoformat(quiet["to"])) if quiet else None,
            goal=document.get("goal"),
            expires_at=parse_instant(expires) if expires else None,
            rate=RATE.read(document) if RATE.key in document else None,
            open_course=bool(document.get("open_course")),
            once=bool(document.get("once")),
        )


@dataclass(slots=True)
class Rules:
    """All that decides about one campaign's people."""

    campaign_id: int
    channel: str
    purpose: str
    holdout: float
    policy: Policy
    goal: Tree | None
    unknown_is_no: bool
    """People of unknown consent do not get marketing."""
    zone: ZoneInfo
    topic: int | None = None
    """What the messages are about: people who opted out of it get none."""
    series: int | None = None
    """The campaign that it repeats."""
    stale_hours: int = 0
    """Age of the school's data above which nothing leaves; 0 = any age will do."""
    required: tuple[str, ...] = ()
    """Columns of the person without which they are left out; empty when they would stand in the way."""
    course: str = ""
    """The school's id of the course or class that it is about; empty = none."""
    asked: dict[int, tuple[datetime, sa.Select[Any]]] = field(default_factory=dict, compare=False)
    """Number of rows → the question about so many at an instant: building it costs more than asking it."""

    @property
    def marketing(self) -> bool:
        """Service messages skip consent, holdout, leaving out and caps."""
        return self.purpose == "marketing"

    def has(self, of: Field | None) -> bool:
        """Return whether the policy has the rule of a field; a rule without a field binds every campaign."""
        return of is None or bool(self.policy.document.get(of.key))

    def numbers(self, of: Field) -> tuple[int, ...]:
        """Return what the policy holds for a field that it has."""
        found = of.read(self.policy.document)
        assert found is not None  # a condition is asked only where the policy has its field
        return found
