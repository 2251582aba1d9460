"""What conditions may be made of here and now: the fields that the school tells, its zone and currency."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo

from crm_plugin.kernel.errors import Clause
from crm_plugin.segments.language.fields import CHANNELS, FAMILIES, FIELDS, RELATIONS, Field, Relation

Knows = Callable[[str, str], bool]


@dataclass(frozen=True)
class Catalogue:
    """The fields on offer; made by :func:`crm_plugin.segments.service.catalogue`.

    :param knows: (stream, field) → whether the school tells it; an empty field asks for the stream.
    :param zone: of the school.
    :param currency: the school's own (ISO 4217), empty when it has told none.
    :param attributes: names of the fields that only this school has.
    :param currencies: returns every currency of the school's orders.
    :param query: id → document of a saved search, None when there is none.
    :param hidden: whether menus leave a field out, as the actor may not ask for it.
    """

    knows: Knows = lambda _stream, _field: True
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    currency: str = ""
    attributes: tuple[str, ...] = ()
    currencies: Callable[[], frozenset[str]] = frozenset
    query: Callable[[int], Mapping[str, Any] | None] = lambda _id: None
    hidden: Callable[[Field], bool] = lambda _field: False

    def field(self, name: str) -> Field | None:
        """Return a field of a person by its name, offered or not."""
        family, dot, rest = name.partition(".")
        if not dot:
            return FIELDS.get(name)
        maker = FAMILIES.get(family)
        if maker is None or (family == "attributes" and rest not in self.attributes):
            return None
        return maker(rest)

    def offers(self, item: Field | Relation) -> bool:
        """Tell whether the school tells what a field or relation needs."""
        return all(map(self.tells, item.needs))

    def tells(self, need: str) -> bool:
        """Tell whether the school tells ``stream`` or ``stream.field``; a bar parts what does as well."""
        return any(self._told(one) for one in need.split("|"))

    def fields(self) -> list[Field]:
        """Return every field of a person on offer, in the order of a menu."""
        return [one for one in self._all() if self.offers(one) and not self.hidden(one)]

    def relations(self) -> list[Relation]:
        """Return the related rows on offer."""
        return [one for _name, one in RELATIONS.items() if self.offers(one)]

    def fields_of(self, relation: Relation) -> list[Field]:
        """Return the fields of related rows on offer."""
        fields = (one for _name, one in relation.fields.items())
        return [one for one in fields if self.offers(one) and not self.hidden(one)]

    def _all(self) -> Iterator[Field]:
        yield from (one for _name, one in FIELDS.items())
        names = {"attributes": self.attributes, "consent": CHANNELS, "suppressed": CHANNELS}
        for family, make in FAMILIES.items():
            yield from filter(None, (make(name) for name in names.get(family, ())))

    def _told(self, need: str) -> bool:
        stream, _dot, name = need.partition(".")
        return self.knows(stream, name)


def hint(name: str, known: list[str]) -> str:
    """Return a question that proposes the nearest known name, or nothing."""
    near = get_close_matches(name, known, n=1)
    return Clause("; did you mean {name!r}?", name=near[0]) if near else ""
