"""When periods are: wall clocks, months without the day, clocks put forward and back."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crm_plugin.automations.recurring.rhythm import Rhythm, read
from crm_plugin.kernel.errors import BadInput

LONDON, NEW_YORK, KATHMANDU = "Europe/London", "America/New_York", "Asia/Kathmandu"
DAILY: dict[str, Any] = {"every": "day", "at": "09:00"}


def rhythm(**values: Any) -> Rhythm:
    return read({**DAILY, **values}, "UTC")


def begins(one: Rhythm, first: datetime, count: int) -> list[str]:
    found, at = [], first
    for _ in range(count):
        at = one.after(at)
        found.append(at.isoformat(timespec="minutes")[:16])
    return found


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


def test_a_daily_one_keeps_its_wall_clock_when_clocks_change() -> None:
    one = rhythm(zone=LONDON)
    assert begins(one, utc(2026, 3, 27, 12), 3) == [
        "2026-03-28T09:00",
        "2026-03-29T08:00",
        "2026-03-30T08:00",
    ]
    assert begins(one, utc(2026, 10, 24, 12), 2) == ["2026-10-25T09:00", "2026-10-26T09:00"]


def test_a_time_that_clocks_skip_comes_later_and_one_shown_twice_comes_once() -> None:
    gap = rhythm(at="02:30", zone=NEW_YORK)  # clocks go from 2 to 3 on 8 March 2026
    assert begins(gap, utc(2026, 3, 7, 12), 2) == ["2026-03-08T07:30", "2026-03-09T06:30"]
    twice = rhythm(at="01:30", zone=NEW_YORK)  # and from 2 to 1 on 1 November
    assert begins(twice, utc(2026, 10, 31, 12), 2) == ["2026-11-01T05:30", "2026-11-02T06:30"]


def test_a_month_without_the_day_takes_its_last_one() -> None:
    one = rhythm(every="month", days=[31])
    assert begins(one, utc(2026, 1, 31, 9), 4) == [
        *("2026-02-28T09:00", "2026-03-31T09:00", "2026-04-30T09:00", "2026-05-31T09:00"),
    ]
    assert begins(rhythm(every="month", days=[29]), utc(2028, 2, 1), 1) == ["2028-02-29T09:00"]


def test_a_weekly_one_has_its_days() -> None:
    one = rhythm(every="week", days=[4, 0], zone=KATHMANDU)
    assert begins(one, utc(2026, 3, 4), 3) == ["2026-03-06T03:15", "2026-03-09T03:15", "2026-03-13T03:15"]


def test_the_latest_one_is_never_later_and_each_day_has_at_most_one() -> None:
    for one in (rhythm(zone=NEW_YORK), rhythm(every="month", days=[30]), rhythm(every="week", days=[6])):
        at = utc(2026, 1, 1)
        while at < utc(2027, 1, 1):
            latest, following = one.latest(at), one.after(at)
            assert latest <= at < following
            assert one.after(latest) == following
            assert one.day_of(latest) < one.day_of(following)
            at += timedelta(hours=17)


def test_periods_between_are_counted_without_the_last() -> None:
    one = rhythm()
    assert one.between(utc(2026, 3, 1, 9), utc(2026, 3, 5, 9)) == 4
    assert one.between(utc(2026, 3, 5, 9), utc(2026, 3, 5, 9)) == 0


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"every": "year"}, "every"),
        ({"at": "9:00"}, "at"),
        ({"at": None}, "at"),
        ({"every": "week"}, "days"),
        ({"every": "week", "days": [7]}, "days"),
        ({"every": "week", "days": [True]}, "days"),
        ({"every": "month", "days": [0]}, "days"),
        ({"every": "month", "days": [1, 2]}, "days"),
        ({"zone": "Mars/Base"}, "zone"),
        ({"zone": "../etc"}, "zone"),
        ({"more": 1}, ""),
    ],
)
def test_what_is_no_rhythm_is_refused_at_its_place(values: dict[str, Any], place: str) -> None:
    with pytest.raises(BadInput) as caught:
        rhythm(**values)
    assert caught.value.place == place


def test_a_rhythm_is_read_as_it_was_written() -> None:
    one = rhythm(every="week", days=[2, 1], zone=LONDON)
    assert read(one.document(), "UTC") == one
