"""Random conditions over every field, operator, match mode and aggregate, with values on the edges."""

import random
from datetime import datetime
from typing import Any

from crm_plugin.segments.language.catalogue import Catalogue
from crm_plugin.segments.language.dates import Span
from crm_plugin.segments.language.fields import Field, Relation
from crm_plugin.segments.language.parse import FUNCTIONS, MODES
from crm_plugin.segments.language.sources import Column
from crm_plugin.segments.language.value_types import KEYS, KNOWN, LISTS, SPANS, Kind
from tests.segments import fixtures as s

ORDERS = tuple(map(str, range(1, 4)))


class Trees:
    """Makes documents for one school."""

    def __init__(self, chance: random.Random, school: s.School, catalogue: Catalogue) -> None:
        self.chance = chance
        self.school = school
        self.catalogue = catalogue

    def document(self) -> dict[str, Any]:
        """A whole filter document."""
        return self.group(3, None, least=0)

    def group(self, depth: int, relation: Relation | None, least: int = 1) -> dict[str, Any]:
        rules = [self.member(depth - 1, relation) for _ in range(self.chance.randint(least, 3))]
        found: dict[str, Any] = {"combinator": self.chance.choice(("and", "or")), "rules": rules}
        if self.chance.random() < 0.3:
            found["not"] = self.chance.random() < 0.8
        return found

    def member(self, depth: int, relation: Relation | None) -> dict[str, Any]:
        if depth and self.chance.random() < 0.3:
            return self.group(depth, relation)
        if relation is not None:
            return self.rule(self.chance.choice(self.catalogue.fields_of(relation)))
        chosen = self.chance.random()
        if chosen < 0.4:
            return self.rule(self.chance.choice(self.catalogue.fields()))
        if chosen < 0.45:
            return {"field": "segment", "operator": self.chance.choice(("=", "!=")), "value": 7}
        rows = self.chance.choice(self.catalogue.relations())
        return self.related(depth, rows) if chosen < 0.75 else self.aggregate(depth, rows)

    def rule(self, field: Field) -> dict[str, Any]:
        return {"field": field.name} | self.comparison(field.kind, field.kind.operators, field)

    def related(self, depth: int, relation: Relation) -> dict[str, Any]:
        match = {"mode": self.chance.choice(MODES), "threshold": self.chance.randint(0, 3)}
        return {"field": relation.name, "match": match} | self.where("value", depth, relation)

    def where(self, key: str, depth: int, relation: Relation) -> dict[str, Any]:
        return {key: self.group(max(depth, 1), relation)} if self.chance.random() < 0.85 else {}

    def aggregate(self, depth: int, relation: Relation) -> dict[str, Any]:
        fits = [
            f"{function}:{field.name}"
            for function, kinds in FUNCTIONS.items()
            for field in self.catalogue.fields_of(relation)
            if field.kind in kinds and (isinstance(field.source, Column) or field.kind is KEYS)
        ]
        text = self.chance.choice(["count", *fits])
        function, _colon, name = text.partition(":")
        kind = self.kind_of(function, relation.fields[name].kind if name else None)
        takes = [one for one in kind.operators if one not in LISTS]
        if function in ("count", "sum", "distinct"):
            takes = [one for one in takes if one not in KNOWN]
        compared = self.comparison(kind, tuple(takes), None)
        return {"field": relation.name, "aggregate": text} | compared | self.where("where", depth, relation)

    def kind_of(self, function: str, kind: Kind | None) -> Kind:
        by_name = {kind.name: kind for kinds in FUNCTIONS.values() for kind in kinds}
        if kind is None or function == "distinct":
            return by_name["number"]
        return by_name["money"] if function == "avg" else kind

    def comparison(self, kind: Kind, operators: tuple[str, ...], field: Field | None) -> dict[str, Any]:
        operator = self.chance.choice(operators)
        return {"operator": operator, "value": self.value(kind, operator, field)}

    def value(self, kind: Kind, operator: str, field: Field | None) -> Any:
        if operator in KNOWN:
            return None
        if operator in SPANS:
            return self.span(kind, operator)
        if operator in LISTS:
            return [self.one(kind, field) for _ in range(self.chance.randint(1, 3))]
        if operator in ("between", "notBetween"):
            return sorted([self.one(kind, field) for _ in range(2)], key=lambda one: self.rank(kind, one))
        return self.one(kind, field)

    def rank(self, kind: Kind, value: Any) -> Any:
        found = kind.read_one(value, self.catalogue.zone)
        if kind.name == "instant" and not isinstance(found, datetime):
            return datetime(found.year, found.month, found.day, tzinfo=self.catalogue.zone)
        return found

    def span(self, kind: Kind, operator: str) -> dict[str, Any]:
        spans = [span for span in s.SPANS if span.unit not in ("minute", "hour")]
        if operator == "anniversaryInNext":
            spans = [span for span in spans if span.n <= 12] + [Span(12, "month")]
            spans = [span for span in spans if span.unit != "year" or span.n == 1]
        found = self.chance.choice(
            spans if kind.name == "day" or operator == "anniversaryInNext" else s.SPANS
        )
        return {"n": found.n, "unit": found.unit}

    def one(self, kind: Kind, field: Field | None) -> Any:
        if field is not None and field.values:
            return self.chance.choice(field.values)
        return getattr(self, f"one_{kind.name}")(field)

    def one_text(self, field: Field | None) -> str:
        return self.chance.choice(
            [name for name in s.NAMES if name] + ["n", "%", "_", "芳", "GB", "ss", "y", "izmir", "xy"]
        )

    def one_choice(self, field: Field | None) -> str:
        return self.one_text(field)

    def one_set(self, field: Field | None) -> str:
        return self.chance.choice((*s.TAGS, "PYTHON", "nowhere"))

    def one_code(self, field: Field | None) -> str:
        return self.chance.choice(
            ("p1", "p2", "p9") if field and field.name == "id" else ("GBP", "EUR", "USD")
        )

    def one_keys(self, field: Field | None) -> str:
        return self.chance.choice((*s.COURSES, "gone"))

    def one_number(self, field: Field | None) -> int:
        return self.chance.choice((-1, 0, 1, 2, 3, 5, 17, 18, 20, 30))

    def one_fraction(self, field: Field | None) -> float:
        return self.chance.choice((0, 0.1, 0.3, 0.5, 1, 2.5))

    def one_money(self, field: Field | None) -> Any:
        return self.chance.choice((*map(str, s.AMOUNTS), 2, 1.5, "-1", "1.6666"))

    def one_flag(self, field: Field | None) -> bool:
        return self.chance.random() < 0.5

    def one_day(self, field: Field | None) -> str:
        return self.chance.choice(self.school.days).isoformat()

    def one_instant(self, field: Field | None) -> str:
        found = self.chance.choice((*self.school.days, *self.school.instants[:40]))
        return found.isoformat()
