"""What conditions may be made of here and now: fields that the school provides and the actor may use.

A condition or an order by a hidden value would reveal it little by little.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo

from crm_plugin.host.permissions import need
from crm_plugin.host.records import Actor
from crm_plugin.kernel.errors import Clause, Refused
from crm_plugin.profiles.store.masking import may_see_contacts
from crm_plugin.segments.language.course_sources import CourseValue
from crm_plugin.segments.language.fields import CHANNELS, FAMILIES, FIELDS, RELATIONS, Field, Relation
from crm_plugin.segments.language.sources import Whole
from crm_plugin.segments.language.tree import Tree
from crm_plugin.segments.language.value_types import MONEY

Knows = Callable[[str, str], bool]


@dataclass(frozen=True)
class Catalogue:
    """The fields on offer; made by :func:`crm_plugin.segments.service.catalogue`.

    :param knows: (stream, field) → whether the school provides it; an empty field means the stream.
    :param zone: of the school.
    :param currency: the school's own (ISO 4217), empty when it named none.
    :param attributes: names of the fields that only this school has.
    :param currencies: returns every currency of the school's orders.
    :param query: id → document of a quick query, None when there is none.
    :param more_fields: returns the fields of a person that higher capabilities bring, by name.
    :param more_relations: returns the related rows that they bring, by name.
    :param actor: the reader; None = the operator, without limits.
    """

    knows: Knows = lambda _stream, _field: True
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    currency: str = ""
    attributes: tuple[str, ...] = ()
    currencies: Callable[[], frozenset[str]] = frozenset
    query: Callable[[int], Mapping[str, Any] | None] = lambda _id: None
    actor: Actor | None = None
    more_fields: Callable[[], Mapping[str, Field]] = dict
    more_relations: Callable[[], Mapping[str, Relation]] = dict

    def field(self, name: str) -> Field | None:
        """Return a field of a person by its name, offered or not."""
        family, _dot, rest = name.partition(".")
        maker = FAMILIES.get(family) if rest else None
        if maker is None:
            return FIELDS.get(name) or self.more_fields().get(name)
        return None if family == "attributes" and rest not in self.attributes else maker(rest)

    def relation(self, name: str) -> Relation | None:
        """Return related rows by their name, offered or not."""
        return RELATIONS.get(name) or self.more_relations().get(name)

    def offers(self, item: Field | Relation) -> bool:
        """Return whether the school provides what a field or relation needs."""
        return all(map(self.provides, item.needs))

    def provides(self, need: str) -> bool:
        """Return whether the school provides ``stream`` or ``stream.field``; a bar separates alternatives."""
        return any(self._is_provided(one) for one in need.split("|"))

    def fields(self) -> list[Field]:
        """Return every field of a person on offer, in the order of a menu."""
        return [one for one in self._all() if self.offers(one) and not self.hides(one)]

    def relations(self) -> list[Relation]:
        """Return the related rows on offer."""
        every = [*RELATIONS.values(), *self.more_relations().values()]
        return [one for one in every if self.offers(one)]

    def fields_of(self, relation: Relation) -> list[Field]:
        """Return the fields of related rows on offer."""
        fields = (one for _name, one in relation.fields.items())
        return [one for one in fields if self.offers(one) and not self.hides(one)]

    def hides(self, field: Field) -> bool:
        """Return whether menus leave a field out, as the actor may not ask for it."""
        if self.actor is None:
            return False
        if field.private:
            return not may_see_contacts(self.actor)
        if isinstance(field.source, Whole):
            return self.actor.scope is not None
        return is_revenue(field) and not self.actor.may("crm.money")

    def check(self, tree: Tree) -> None:
        """Refuse conditions on contacts and on what people paid to an actor who may not see these.

        A quick query that a colleague shares may ask more of money than its readers could: its owner decided
        that. Of contacts it may not, because everybody that it finds by a telephone has that telephone.

        :raises Refused: ``segment.needs_contacts``, ``segment.needs_money``, with the place.
        """
        if self.actor is None:
            return
        if tree.private and not may_see_contacts(self.actor):
            place, name = tree.private[0]
            raise Refused("segment.needs_contacts", place, field=name)
        if tree.revenue and not self.actor.may("crm.money"):
            place, name = tree.revenue[0]
            raise Refused("segment.needs_money", place, field=name)

    def _all(self) -> Iterator[Field]:
        yield from (*FIELDS.values(), *self.more_fields().values())
        names = {"attributes": self.attributes, "consent": CHANNELS, "suppressed": CHANNELS}
        for family, make in FAMILIES.items():
            yield from filter(None, (make(name) for name in names.get(family, ())))

    def _is_provided(self, need: str) -> bool:
        stream, _dot, name = need.partition(".")
        return self.knows(stream, name)


def is_revenue(field: Field) -> bool:
    """Return whether a field says what somebody paid; the price of a course is no secret."""
    return field.kind is MONEY and not isinstance(field.source, CourseValue)


def check_order(sort: str, actor: Actor) -> None:
    """Refuse to sort people by what the actor may not see.

    :param sort: a name of :data:`crm_plugin.segments.listing.paging.SORTS`, perhaps with a minus before it.
    :raises Refused: ``access.refused``.
    """
    field = FIELDS.get(sort.removeprefix("-"))
    if field is not None and is_revenue(field):
        need(actor, "crm.money")


def hint(name: str, known: list[str]) -> str:
    """Return a question that proposes the nearest known name, or nothing."""
    near = get_close_matches(name, known, n=1)
    return Clause("; did you mean {name!r}?", name=near[0]) if near else ""
