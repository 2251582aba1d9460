"""Spans of time by the school's wall clock, reckoned here by hand."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_plugin.segments.language.dates import Present, Span, age, day_start, ranges, shift, within

LONDON = "Europe/London"


def at(text: str, zone: str = LONDON) -> Present:
    return Present(datetime.fromisoformat(text), ZoneInfo(zone))


@pytest.mark.parametrize(
    ("now", "n", "unit", "then"),
    [
        (
            "2026-11-15T12:00:00+00:00",
            -30,
            "day",
            "2026-10-16T11:00:00+00:00",
        ),  # noon before was in summer time
        ("2026-03-29T12:00:00+00:00", -24, "hour", "2026-03-28T12:00:00+00:00"),  # hours are absolute
        ("2026-03-29T12:00:00+00:00", -1, "day", "2026-03-28T13:00:00+00:00"),  # 13:00 on the wall, both days
        ("2026-03-28T01:30:00+00:00", 1, "day", "2026-03-29T01:30:00+00:00"),  # 01:30 is skipped that day
        ("2026-10-24T00:30:00+00:00", 1, "day", "2026-10-25T00:30:00+00:00"),  # 01:30 comes twice: the first
        ("2026-03-31T09:00:00+00:00", -1, "month", "2026-02-28T10:00:00+00:00"),  # end of the month clamped
        ("2028-02-29T09:00:00+00:00", -1, "year", "2027-02-28T09:00:00+00:00"),
        ("2026-01-31T09:00:00+00:00", 1, "month", "2026-02-28T09:00:00+00:00"),
        ("2026-11-15T12:00:00+00:00", -2, "week", "2026-11-01T12:00:00+00:00"),
        ("2026-11-15T12:00:00+00:00", -90, "minute", "2026-11-15T10:30:00+00:00"),
    ],
)
def test_a_span_goes_by_the_wall_clock(now: str, n: int, unit: str, then: str) -> None:
    assert shift(at(now), n, unit) == datetime.fromisoformat(then)


def test_a_span_of_ages_stays_within_what_databases_store() -> None:
    for unit in ("minute", "hour", "day", "week", "month", "year"):
        for n in (-100_000, 100_000):
            assert 999 < shift(at("2026-11-15T12:00:00+00:00"), n, unit).year < 9999


def test_both_ends_of_every_span() -> None:
    present = at("2026-11-15T12:00:00+00:00")
    tick = timedelta(microseconds=1)
    now, then = present.as_of, shift(present, -30, "day")
    later = shift(present, 30, "day")

    def fits(operator: str, value: datetime) -> bool:
        return within(value, ranges(operator, Span(30, "day"), present, days=False))

    assert [fits("inLast", one) for one in (then - tick, then, now - tick, now)] == [False, True, True, False]
    assert [fits("olderThan", one) for one in (then - tick, then)] == [True, False]
    assert [fits("inNext", one) for one in (now, now + tick, later, later + tick)] == [
        False,
        True,
        True,
        False,
    ]


def test_a_day_in_the_place_of_an_instant_is_the_whole_day_of_the_school() -> None:
    present = at("2026-11-15T12:00:00+00:00", "Asia/Shanghai")
    first, last = (
        datetime(2026, 11, 9, 16, tzinfo=UTC),
        datetime(2026, 11, 10, 15, 59, 59, 999999, tzinfo=UTC),
    )
    after = last + timedelta(microseconds=1)
    fits = {
        operator: [
            within(one, ranges(operator, date(2026, 11, 10), present, False)) for one in (first, last, after)
        ]
        for operator in ("=", "!=", "<", "<=", ">", ">=")
    }
    assert fits == {
        "=": [True, True, False],
        "!=": [False, False, True],
        "<": [False, False, False],
        "<=": [True, True, False],
        ">": [False, False, True],
        ">=": [True, True, True],
    }


def test_a_day_that_begins_at_one() -> None:
    # In Beirut the clocks went from midnight to one o'clock on 30 March 2025.
    assert day_start(date(2025, 3, 30), ZoneInfo("Asia/Beirut")) == datetime(2025, 3, 29, 22, tzinfo=UTC)


def anniversary(day: date, year: int) -> date:
    short = (day.month, day.day) == (2, 29) and (year % 4 != 0 or (year % 100 == 0 and year % 400 != 0))
    return date(year, 2, 28) if short else day.replace(year=year)


@given(
    today=st.dates(date(2000, 1, 1), date(2030, 12, 31)),
    born=st.dates(date(1900, 1, 1), date(2031, 12, 31)),
    n=st.integers(0, 366),
)
def test_an_anniversary_in_the_next_days(today: date, born: date, n: int) -> None:
    present = Present(datetime(today.year, today.month, today.day, 12, tzinfo=UTC), ZoneInfo("UTC"))
    last = today + timedelta(days=n)
    years = [year for year in range(today.year, last.year + 1) if year > born.year]
    expected = any(today <= anniversary(born, year) <= last for year in years)
    assert within(born, ranges("anniversaryInNext", Span(n, "day"), present, days=True)) == expected


@given(
    born=st.dates(date(1900, 1, 1), date(2025, 12, 31)), today=st.dates(date(2026, 1, 1), date(2032, 12, 31))
)
def test_age_grows_on_the_anniversary(born: date, today: date) -> None:
    expected = today.year - born.year - (today < anniversary(born, today.year))
    assert age(born, today) == expected
