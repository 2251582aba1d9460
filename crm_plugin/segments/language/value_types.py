"""Kinds of values: which operators each takes, how it reads an operand, and what a comparison means.

A kind says the same thing twice: :meth:`Kind.condition` in SQL and :meth:`Kind.matches` in Python. An
unknown value (None) fulfils no comparison, ``!=`` and ``notIn`` included; only ``null`` finds it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from crm_plugin.kernel import storable
from crm_plugin.kernel.db.types import MONEY_UNIT
from crm_plugin.kernel.errors import Clause
from crm_plugin.profiles.store.normalise import fold
from crm_plugin.segments.language.dates import FIRST_YEAR, LAST_YEAR, UNITS, Present, Span, ranges, within

Condition = sa.ColumnElement[bool]

EQUAL = ("=", "!=")
ORDER = ("<", "<=", ">", ">=", "between", "notBetween")
WORDS = ("contains", "doesNotContain", "beginsWith", "endsWith")
KNOWN = ("null", "notNull")
LISTS = ("in", "notIn")
SPANS = ("inLast", "inNext", "olderThan", "anniversaryInNext")
OPERATORS = (*EQUAL, *ORDER, *WORDS, *KNOWN, *LISTS, *SPANS)
"""Every operator of the language."""

LARGEST = 10**12
"""Numbers and amounts of conditions lie between minus and plus this, so that sums stay whole."""
LONGEST_TEXT = 1000
LONGEST_LABEL = 191
"""Tags and categories are kept to this many letters."""
LONGEST_SPAN = 100_000
LONGEST_ANNIVERSARY = {"day": 366, "week": 53, "month": 12, "year": 1}


class Unreadable(Exception):
    """An operand is not what the operator needs; says what would be."""

    def __init__(self, expected: Clause, index: int | None = None) -> None:
        super().__init__(expected)
        self.expected = expected
        self.index = index


@dataclass(frozen=True)
class Kind:
    """A kind of value.

    :param name: as the documentation and the page's builder know it.
    :param operators: of the language, in the order in which a menu shows them.
    :param read_one: reads one value of a condition; raises :class:`Unreadable`.
    :param stored: turns a value as loaded from a row into what operands are compared with.
    """

    name: str
    operators: tuple[str, ...]
    read_one: Callable[[Any, ZoneInfo], Any]
    stored: Callable[[Any], Any] = lambda value: value
    bound: Callable[[Any], Any] = lambda value: value
    """Turns an operand into an SQL parameter of the right type."""

    def read(self, operator: str, value: Any, zone: ZoneInfo) -> Any:
        """Return the operand that a condition's JSON value means.

        :raises Unreadable: when it means none.
        """
        if operator in KNOWN:
            return None
        if operator in LISTS:
            return frozenset(self._each(value, zone, Clause("a list of at least one value"), 1, None))
        if operator in ("between", "notBetween"):
            pair = self._each(value, zone, Clause("a list of two values, the lower first"), 2, 2)
            if _rank(pair[0], zone) > _rank(pair[1], zone):
                raise Unreadable(Clause("a list of two values, the lower first"))
            return pair
        return self.read_one(value, zone)

    def _each(
        self, value: Any, zone: ZoneInfo, expected: Clause, least: int, most: int | None
    ) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) < least or (most is not None and len(value) > most):
            raise Unreadable(expected)
        found = []
        for index, one in enumerate(value):
            try:
                found.append(self.read_one(one, zone))
            except Unreadable as error:
                raise Unreadable(error.expected, index) from None
        return tuple(found)

    def matches(self, operator: str, operand: Any, value: Any, present: Present) -> bool:
        """Return whether a value fulfils a comparison."""
        if operator in KNOWN:
            return (value is None) == (operator == "null")
        return value is not None and _MATCHES[operator](value, operand)

    def condition(self, operator: str, operand: Any, column: Any, present: Present) -> Condition:
        """Return the comparison in SQL; NULL or false where :meth:`matches` is False."""
        compared: Condition = self._compared(operator, operand, column)
        return compared

    def _compared(self, operator: str, operand: Any, column: Any) -> Any:
        if operator in KNOWN:
            return column.is_(None) if operator == "null" else column.is_not(None)
        if operator in LISTS:
            values = [self.bound(one) for one in sorted(operand)]
            return column.in_(values) if operator == "in" else column.not_in(values)
        if operator in ("between", "notBetween"):
            low, high = map(self.bound, operand)
            inside = column.between(low, high)
            return inside if operator == "between" else ~inside
        return _CONDITIONS[operator](column, self.bound(operand))


class TextKind(Kind):
    """Texts; an empty one is unknown."""

    def matches(self, operator: str, operand: Any, value: Any, present: Present) -> bool:
        """Return whether a text fulfils a comparison."""
        return super().matches(operator, operand, value or None, present)

    def condition(self, operator: str, operand: Any, column: Any, present: Present) -> Condition:
        """Return the comparison in SQL; no operand is empty, so that only some of them ask for more."""
        if operator in KNOWN or operator in ABSENT:
            column = sa.func.nullif(column, "", type_=column.type)
        return super().condition(operator, operand, column, present)


class DateKind(Kind):
    """Instants and days: every comparison is a list of ranges."""

    def read(self, operator: str, value: Any, zone: ZoneInfo) -> Any:
        """Return a date, a pair of them or a span."""
        return _span(operator, value, self.name) if operator in SPANS else super().read(operator, value, zone)

    def matches(self, operator: str, operand: Any, value: Any, present: Present) -> bool:
        """Return whether the date lies in one of the ranges."""
        if operator in KNOWN or value is None:
            return super().matches(operator, operand, value, present)
        return within(value, ranges(operator, operand, present, self.name == "day"))

    def condition(self, operator: str, operand: Any, column: Any, present: Present) -> Condition:
        """Return the ranges in SQL."""
        if operator in KNOWN:
            return super().condition(operator, operand, column, present)
        found = ranges(operator, operand, present, self.name == "day")
        inside = sa.or_(sa.false(), *(_inside(column, low, high, present) for low, high in found))
        if operator != "anniversaryInNext":
            return inside
        # SQLite takes a thousand levels of OR: a hundred ranges must not join those of their neighbours.
        return sa.case((inside, sa.true()), else_=sa.false())


class FlagKind(Kind):
    """Yes or no."""

    def condition(self, operator: str, operand: Any, column: Any, present: Present) -> Condition:
        """Return the flag itself, or its opposite (NULL stays NULL)."""
        if operator in KNOWN:
            return super().condition(operator, operand, column, present)
        wanted: Condition = column if (operator == "=") is operand else sa.not_(column)
        return wanted


class SetKind(Kind):
    """A set of texts, never unknown: ``contains`` is "has", ``in`` "has any of", ``null`` "is empty"."""

    def matches(self, operator: str, operand: Any, value: Any, present: Present) -> bool:
        """Return whether the set fulfils it; None (there is nothing that could have a set) never does."""
        if operator in KNOWN:
            return (not value) == (operator == "null")
        wanted = operand if operator in LISTS else {operand}
        return value is not None and value.isdisjoint(wanted) == (operator in ABSENT)


ABSENT = ("!=", "doesNotContain", "notIn")
"""Operators of sets that ask for what is not there."""


def _inside(column: Any, low: Any, high: Any, present: Present) -> Condition:
    if low is None and high is not None and present.dialect.expect_open_range:
        return sa.func.likelihood(column < high, sa.literal_column("0.7"), type_=sa.Boolean)
    ends = [column >= low] if low is not None else []
    return sa.and_(*ends, *([column < high] if high is not None else []))


def _rank(value: Any, zone: ZoneInfo) -> Any:
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=zone)
    return value


_MATCHES: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda value, operand: bool(value == operand),
    "!=": lambda value, operand: bool(value != operand),
    "<": lambda value, operand: bool(value < operand),
    "<=": lambda value, operand: bool(value <= operand),
    ">": lambda value, operand: bool(value > operand),
    ">=": lambda value, operand: bool(value >= operand),
    "between": lambda value, operand: bool(operand[0] <= value <= operand[1]),
    "notBetween": lambda value, operand: not operand[0] <= value <= operand[1],
    "in": lambda value, operand: value in operand,
    "notIn": lambda value, operand: value not in operand,
    "contains": lambda value, operand: operand in value,
    "doesNotContain": lambda value, operand: operand not in value,
    "beginsWith": lambda value, operand: value.startswith(operand),
    "endsWith": lambda value, operand: value.endswith(operand),
}

_CONDITIONS: dict[str, Callable[[Any, Any], Condition]] = {
    "=": lambda column, operand: column == operand,
    "!=": lambda column, operand: column != operand,
    "<": lambda column, operand: column < operand,
    "<=": lambda column, operand: column <= operand,
    ">": lambda column, operand: column > operand,
    ">=": lambda column, operand: column >= operand,
    "contains": lambda column, operand: column.contains(operand, autoescape=True),
    "doesNotContain": lambda column, operand: ~column.contains(operand, autoescape=True),
    "beginsWith": lambda column, operand: column.startswith(operand, autoescape=True),
    "endsWith": lambda column, operand: column.endswith(operand, autoescape=True),
}


def _text(value: Any, _zone: ZoneInfo) -> str:
    if not isinstance(value, str) or not value or len(value) > LONGEST_TEXT:
        raise Unreadable(Clause("a text of 1 to 1,000 characters"))
    if not storable.is_text(value):
        raise Unreadable(Clause("a text that can be stored"))
    return value


def _folded(value: Any, zone: ZoneInfo) -> str:
    return _not_empty(fold(_text(value, zone)))


def _label(value: Any, zone: ZoneInfo) -> str:
    return _not_empty(fold(_text(value, zone), LONGEST_LABEL))


def _not_empty(folded: str) -> str:
    if not folded:
        raise Unreadable(Clause("a text with letters or digits"))
    return folded


def _whole(value: Any, _zone: ZoneInfo) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > LARGEST:
        raise Unreadable(Clause("a whole number"))
    return value


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise Unreadable(Clause("a number"))
    if isinstance(value, str) and (len(value) > 40 or not value.isascii() or "_" in value):
        raise Unreadable(Clause("a number"))
    if isinstance(value, int) and abs(value) > LARGEST:
        raise Unreadable(Clause("a number up to 1,000,000,000,000"))
    try:
        number = Decimal(str(value))
    except ArithmeticError:
        raise Unreadable(Clause("a number")) from None
    if not number.is_finite() or abs(number) > LARGEST:
        raise Unreadable(Clause("a number up to 1,000,000,000,000"))
    return number


def _fraction(value: Any, _zone: ZoneInfo) -> float:
    if isinstance(value, str):
        raise Unreadable(Clause("a number"))
    return float(_decimal(value))


def _amount(value: Any, _zone: ZoneInfo) -> int:
    units = _decimal(value) * MONEY_UNIT
    if units != units.to_integral_value():
        raise Unreadable(Clause("an amount with at most 4 decimals"))
    return int(units)


def _flag(value: Any, _zone: ZoneInfo) -> bool:
    if not isinstance(value, bool):
        raise Unreadable(Clause("true or false"))
    return value


def _day(value: Any, _zone: ZoneInfo) -> date:
    expected = Clause("a day such as 2026-01-31")
    if not isinstance(value, str) or len(value) != 10:
        raise Unreadable(expected)
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise Unreadable(expected) from None
    return _in_reach(day)


def _moment(value: Any, zone: ZoneInfo) -> date | datetime:
    expected = Clause("a day such as 2026-01-31 or a time such as 2026-01-31T18:00:00Z")
    if not isinstance(value, str) or not 10 <= len(value) <= 40:
        raise Unreadable(expected)
    if len(value) == 10:
        return _day(value, zone)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise Unreadable(expected) from None
    _in_reach(moment.date())
    # A time that names no zone is read on the school's clock.
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _in_reach(day: date) -> date:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise Unreadable(Clause("a date of the years {first} to {last}", first=FIRST_YEAR, last=LAST_YEAR))
    return day


def _span(operator: str, value: Any, kind: str) -> Span:
    units: Sequence[str] = UNITS[2:] if kind == "day" or operator == "anniversaryInNext" else UNITS
    expected = Clause('a span such as {{"n": 30, "unit": "day"}}')
    if not isinstance(value, dict) or set(value) != {"n", "unit"}:
        raise Unreadable(expected)
    n, unit = value["n"], value["unit"]
    if not isinstance(unit, str) or unit not in units:
        raise Unreadable(Clause("{expected}; units are {units}", expected=expected, units=", ".join(units)))
    longest = LONGEST_ANNIVERSARY[unit] if operator == "anniversaryInNext" else LONGEST_SPAN
    if not isinstance(n, int) or isinstance(n, bool) or not 0 <= n <= longest:
        raise Unreadable(
            Clause("{expected}; n is a whole number from 0 to {most:,}", expected=expected, most=longest)
        )
    return Span(n, unit)


def _utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value


def _units(value: Any) -> int:
    return int((Decimal(value) * MONEY_UNIT).to_integral_value())


def _big(value: int) -> Any:
    # Typed by ourselves: PostgreSQL would squeeze the number into the column's own 32 bits.
    return sa.literal(value, sa.BigInteger)


TEXT = TextKind("text", (*EQUAL, *WORDS, *KNOWN, *LISTS), _folded)
"""Text compared in its folded form."""
CHOICE = TextKind("choice", (*EQUAL, *LISTS, *KNOWN), _folded)
"""Folded text out of a closed vocabulary: a part of it says nothing (*female* contains *male*)."""
CODE = Kind("code", (*EQUAL, *LISTS, *KNOWN), _text)
"""One of a few values, or an identifier; compared letter by letter."""
NUMBER = Kind("number", (*EQUAL, *ORDER, *LISTS, *KNOWN), _whole, bound=_big)
FRACTION = Kind(
    "fraction", (*EQUAL, *ORDER, *LISTS, *KNOWN), _fraction, bound=lambda value: sa.literal(value, sa.Double)
)
MONEY = Kind("money", (*EQUAL, *ORDER, *LISTS, *KNOWN), _amount, stored=_units, bound=_big)
"""Amounts; operands are whole 1/10,000 as in the database."""
INSTANT = DateKind("instant", (*SPANS[:3], *EQUAL, *ORDER, *KNOWN, SPANS[3]), _moment, stored=_utc)
"""A point in time; an operand that is only a day means that whole day in the school's zone."""
DAY = DateKind("day", (SPANS[3], *EQUAL, *ORDER, *KNOWN, *SPANS[:3]), _day)
FLAG = FlagKind("flag", (*EQUAL, *KNOWN), _flag)
SET = SetKind("set", ("contains", "doesNotContain", *LISTS, *EQUAL, *KNOWN), _label)
KEYS = SetKind("keys", (*EQUAL, *LISTS, *KNOWN), _text)
"""Identifiers of a course and of all its copies; matching any of them is a match."""

KINDS = (TEXT, CHOICE, CODE, NUMBER, FRACTION, MONEY, INSTANT, DAY, FLAG, SET, KEYS)
