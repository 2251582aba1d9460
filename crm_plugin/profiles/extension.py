"""What other capabilities may add to a person; the profiles' own part has the same form."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.host.in_use import Users
from crm_plugin.host.records import Actor
from crm_plugin.profiles.store.course_scope import Scope

Address = tuple[str, str]
"""(channel, key of the address)."""


@dataclass(frozen=True)
class Moment:
    """One line of a timeline."""

    at: datetime
    kind: str
    """``paid ordered refunded enrolled completed ended`` or the kind of a signal; others add their own."""
    title: str = ""
    """Title of the course or of what it is about."""
    details: dict[str, Any] = field(default_factory=dict)
    source: str = ""
    """Name of its source in :attr:`PersonExtension.timeline`; filled in when they are put together."""


_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Window:
    """What a reader wants from a source of a timeline.

    :param limit: how many moments.
    :param until: only moments at or before it; None = all.
    :param scope: host ids of the courses that the reader is limited to; None = everything.
    :param reader: the school's id of the actor who reads.
    :param now: the present; the timeline fills it in.
    """

    limit: int
    until: datetime | None = None
    scope: Scope = None
    reader: str = ""
    now: datetime = _LONG_AGO

    def newest(self, query: Any, at: Any, *ties: Any) -> Any:
        """Return the rows of a query that lie in the window, by their column of time."""
        query = query.where(at.is_not(None))
        if self.until is not None:
            query = query.where(at <= self.until)
        return query.order_by(at.desc(), *ties).limit(self.limit)


Facts = Callable[[Session, Sequence[int]], None]
"""Computes facts of these persons (our ids) again, in the caller's transaction."""
Holders = Callable[[Session, Iterable[Address]], Collection[int]]
"""Returns our ids of others who hold addresses: of messages on their way to one that changed since."""
Merge = Callable[[Session, int, int], None]
"""Moves the rows of one account (our id) to the one that remains; doing it again changes nothing."""
Erase = Callable[[Session, Sequence[int]], None]
"""Forgets these persons (our ids) while their rows still say who it was; again changes nothing."""
Export = Callable[[Session, int], list[dict[str, Any]]]
"""Returns what is held on a person (our id), ready for JSON."""
Source = Callable[[Session, int, Window], Sequence[Moment]]
"""Returns moments of a person (our id), the newest first."""
TopicUsers = Callable[[Session, int, Actor], Users]
"""Returns the names of what still needs a topic, as an actor may see them."""
TakeBack = Callable[[Session, Crm, Actor, dict[str, Any]], None]
"""Undoes, in that transaction, what was done with this payload."""


@dataclass(frozen=True)
class PersonExtension:
    """What a capability adds to a person; each part is optional.

    :param facts: recomputed whenever something touched a person.
    :param timeline: name of a source, which readers can choose → source.
    :param export: name of a part of the document that a person may ask for → what stands in it.
    :param undo: kind of a change → how it is undone.
    """

    facts: tuple[Facts, ...] = ()
    holders: tuple[Holders, ...] = ()
    merge: tuple[Merge, ...] = ()
    erase: tuple[Erase, ...] = ()
    export: Mapping[str, Export] = field(default_factory=dict)
    timeline: Mapping[str, Source] = field(default_factory=dict)
    topic_users: tuple[TopicUsers, ...] = ()
    undo: Mapping[str, TakeBack] = field(default_factory=dict)
