"""What the builder offers to choose from: the fields that the school provides, in groups, in words."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import g

from crm_plugin.boards.stages.stage_trees import AUDIENCES, FIELD, STAGES, STALLED
from crm_plugin.channels.registry import CHANNELS
from crm_plugin.kernel.i18n import Text
from crm_plugin.segments import service
from crm_plugin.segments.language.catalogue import Catalogue
from crm_plugin.segments.language.fields import Field, Relation
from crm_plugin.segments.language.parse import FUNCTIONS, REFERENCE
from crm_plugin.segments.language.sources import Column
from crm_plugin.segments.wording.phrase_templates import SHAPES, Shape
from crm_plugin.segments.wording.phrases import PHRASES
from crm_plugin.web.segments.builder.words import AGGREGATES, OPERATORS, REFUSED
from crm_plugin.web.shell.guard import actor, crm
from crm_plugin.web.shell.i18n import locale, say
from crm_plugin.web.shell.vocabulary import has, word

_OFTEN = Text("Most used")
_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        Text("Activity"),
        ("last_active_at", "last_login_at", "last_learned_at", "registered_at", "interest_tags", "crm_tags"),
    ),
    (
        Text("Purchases"),
        ("paid_count", "paid_total", "last_paid_at", "first_paid_at", "unpaid_count", "refunded_total"),
    ),
    (Text("Stage in a course or class"), tuple(FIELD + stage for stage in (*STAGES, *AUDIENCES, STALLED))),
    (Text("Membership"), ("is_member", "member_level", "member_rank", "member_since", "member_until")),
    (
        Text("Contact and consent"),
        (
            *(
                "has_phone",
                "has_email",
                "phone",
                "phone_verified",
                "email",
                "email_verified",
                "email_stopped",
            ),
            *(f"consent.{channel}" for channel in CHANNELS),
            *(f"suppressed.{channel}" for channel in CHANNELS),
            *("marketed_count", "last_marketed_at"),
        ),
    ),
)
_OTHERS = Text("About the person")
_OWN = Text("Fields of this school")
_RELATED = Text("What people did, bought or got")
_TOTALS = Text("Totals and averages")
_SEARCHES = Text("Quick queries")

_WORDS = {
    ("", "status"): "person",
    ("", "roles"): "role",
    ("orders", "state"): "order",
    ("enrolments", "state"): "enrolment",
    ("enrolments", "role"): "role",
    ("enrolments", "source"): "enrolment_source",
    ("enrolments", "end_kind"): "end_kind",
    ("signals", "kind"): "signal",
    ("intentions", "level"): "intention",
    ("deliveries", "channel"): "channel",
    ("deliveries", "state"): "delivery",
}
"""(relation, field) → the table of words for its values."""

_MEASURED = ("money", "number", "fraction")


@dataclass(frozen=True)
class Offered:
    """One line of a field menu."""

    name: str
    """What the form posts: a field, a relation, or ``relation|aggregate``."""
    said: Callable[[], str]
    """Makes its label, when a menu is shown."""
    type: str
    """Kind of its value; ``rows`` for a relation."""
    operators: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    """All that there are, for enumerations."""
    pick: str | None = None
    """What is searched on the server: ``course category tag query``."""
    relation: str | None = None
    aggregate: str | None = None
    shape: Shape | None = None
    """It stands for a piece of a tree that has words of its own."""
    words: tuple[str, ...] = ()
    """Of the operators, where they are not those of the type."""
    rows: str = ""
    """The relation that it is a field of; empty for a person's own."""
    takes: tuple[str, ...] = ()
    """Every operator of its kind, those that no menu offers too."""

    @property
    def label(self) -> str:
        """What the menu calls it."""
        return self.said()

    @property
    def options(self) -> tuple[tuple[str, str], ...]:
        """(value, words) of an enumeration."""
        return tuple((value, value_word(self.rows, self.name, value)) for value in self.values)

    def says(self, operator: str) -> str:
        """Return what the menu calls an operator."""
        if self.words and operator in self.operators:
            return self.words[self.operators.index(operator)]
        known = OPERATORS[self.type].get(operator) or REFUSED.get(operator)
        return say(known) if known else operator


class Fields:
    """The menus of the builder for one request."""

    def __init__(self, catalogue: Catalogue, locale: str) -> None:
        self._catalogue = catalogue
        self._locale = locale
        self._menus: dict[str | None, list[tuple[str, list[Offered]]]] = {}

    def find(self, name: str, relation: str | None = None) -> Offered | None:
        """Return what a name stands for among a person's fields, or those of a relation."""
        if relation is not None:
            rows = self._catalogue.relation(relation)
            field = rows.fields.get(name) if rows and self._catalogue.offers(rows) else None
        else:
            field = self._catalogue.field(name)
        if field is not None:
            shown = self._catalogue.offers(field) and not self._catalogue.hides(field)
            return self._offer(field, relation or "") if shown else None
        return self._beside(name) if relation is None else None

    def _beside(self, name: str) -> Offered | None:
        """Return what stands in the menu of people besides their fields: shapes, rows, totals, segments."""
        if name == REFERENCE:
            return _segment()
        if name.startswith("~"):
            return next((one for one in self._shapes() if one.name == name), None)
        relation = self._catalogue.relation(name.partition("|")[0])
        if relation is None or not self._catalogue.offers(relation):
            return None
        lines = self._totals(relation) if "|" in name else [self._rows(relation)]
        return next((one for one in lines if one.name == name), None)

    def groups(self, relation: str | None = None) -> list[tuple[str, list[Offered]]]:
        """Return (label, fields) for a field menu."""
        if relation not in self._menus:
            menu = self._person_menu() if relation is None else self._row_menu(relation)
            self._menus[relation] = [(label, offered) for label, offered in menu if offered]
        return self._menus[relation]

    def _person_menu(self) -> list[tuple[str, list[Offered]]]:
        fields = {one.name: one for one in self._catalogue.fields()}
        grouped = {name for _, names in _GROUPS for name in names}
        menu = [
            (say(label), [self._offer(fields[name], "") for name in names if name in fields])
            for label, names in _GROUPS
        ]
        own = [one for name, one in fields.items() if name.startswith("attributes.")]
        rest = [one for name, one in fields.items() if name not in grouped and one not in own]
        relations = self._catalogue.relations()
        menu.insert(0, (say(_OFTEN), self._shapes()))
        menu.insert(3, (say(_RELATED), [self._rows(one) for one in relations]))
        menu.append((say(_OTHERS), [self._offer(one, "") for one in rest]))
        menu.append((say(_OWN), [self._offer(one, "") for one in own]))
        menu.append((say(_TOTALS), [total for one in relations for total in self._totals(one)]))
        menu.append((say(_SEARCHES), [_segment()]))
        return menu

    def _shapes(self) -> list[Offered]:
        whole = [one for one in SHAPES if all(map(self._catalogue.provides, one.needs))]
        return [self._shape(one) for one in whole]

    def _shape(self, shape: Shape) -> Offered:
        # The value follows in a field of its own; what stands after it in a sentence is in the label.
        said = (says.of(self._locale) for says in shape.says.values())
        words = tuple(text.partition("{value}")[0].strip(" ：") for text in said)
        operators = tuple(shape.says)
        return Offered(
            shape.name,
            lambda: shape.label.of(self._locale),
            "shape",
            operators,
            pick=shape.picker or None,
            shape=shape,
            words=words,
        )

    def _row_menu(self, name: str) -> list[tuple[str, list[Offered]]]:
        relation = next((one for one in self._catalogue.relations() if one.name == name), None)
        if relation is None:
            return []
        fields = self._catalogue.fields_of(relation)
        return [(self._label(relation), [self._offer(one, name) for one in fields])]

    def _label(self, item: Field | Relation) -> str:
        text = item.label.of(self._locale)
        return text[:1].upper() + text[1:]

    def _offer(self, field: Field, relation: str) -> Offered:
        kind = field.kind.name
        known = OPERATORS.get(kind, {})
        return Offered(
            field.name,
            lambda: self._label(field),
            kind,
            _menu(field, [name for name in known if name in field.kind.operators]),
            field.values,
            field.picker or None,
            rows=relation,
            words=self._words(field),
            takes=field.kind.operators,
        )

    def _words(self, field: Field) -> tuple[str, ...]:
        """Return the words of a field's operators, where it has sentences of its own, up to the value."""
        if not field.says:
            return ()
        holds, fails = (text.of(self._locale) for text in field.says)
        any_course = PHRASES["any_course"].of(self._locale)
        begun = [text.partition("{value}")[0].strip() for text in (holds, fails)]
        return (*begun, *(text.format(value=any_course) for text in (holds, fails)))

    def _rows(self, relation: Relation) -> Offered:
        return Offered(relation.name, lambda: self._label(relation), "rows", relation=relation.name)

    def _totals(self, relation: Relation) -> list[Offered]:
        return [
            self._total(relation, field, function)
            for field in self._catalogue.fields_of(relation)
            for function in _functions(field)
        ]

    def _total(self, relation: Relation, field: Field, function: str) -> Offered:
        # An average of whole numbers has decimals, as amounts have.
        kind = {"distinct": "number", "avg": "money"}.get(function, field.kind.name)
        return Offered(
            f"{relation.name}|{function}:{field.name}",
            lambda: say(
                AGGREGATES[function], rows=self._label(relation), column=field.label.of(self._locale)
            ),
            kind,
            (">=", "<=", ">", "<", "="),
            relation=relation.name,
            aggregate=f"{function}:{field.name}",
        )


def catalogue() -> Catalogue:
    """Return what the actor may ask for, made once a request."""
    if "crm_catalogue" not in g:
        g.crm_catalogue = service.catalogue(crm(), actor())
    found: Catalogue = g.crm_catalogue
    return found


def menus() -> Fields:
    """Return the builder's menus for the actor."""
    return Fields(catalogue(), locale())


def _menu(field: Field, operators: list[str]) -> tuple[str, ...]:
    if field.picker and field.kind.name == "number":
        # A number that stands for something with a name is that thing or is not; no thing is larger.
        return tuple(sorted(operators, key=lambda name: name not in ("=", "!=")))
    return tuple(operators)


def _functions(field: Field) -> list[str]:
    """Return the aggregates that the menu offers of a field: those that say something to a marketer."""
    if field.name == "course_id":
        return ["distinct"]
    if field.picker or field.kind.name not in _MEASURED or not isinstance(field.source, Column):
        return []
    return [name for name in ("sum", "avg", "max") if field.kind in FUNCTIONS[name]]


def _segment() -> Offered:
    return Offered(REFERENCE, lambda: say(Text("A quick query")), "segment", ("=", "!="), pick="query")


def _family(name: str) -> str:
    return "consent" if name.startswith("consent.") else "course" if name == "course_kind" else ""


def value_word(relation: str, field: str, value: str) -> str:
    """Return the words for a value of a field: a state, a kind, a role; else the value itself.

    :param relation: of related rows; empty for the person's own fields.
    """
    table = _WORDS.get((relation, field), _family(field))
    return word(table, value) if has(table) else value
