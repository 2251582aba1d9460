"""Quiet hours by the wall clock, also where the clocks are changed."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_plugin.campaigns.policy.quiet_hours import opens_at, zone_of

NIGHT = (time(21), time(9))
BERLIN = ZoneInfo("Europe/Berlin")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


CASES = [
    ("Asia/Kathmandu", "2026-01-10T15:14", None),  # 20:59 at +05:45
    ("Asia/Kathmandu", "2026-01-10T15:15", "2026-01-11T03:15"),
    ("Pacific/Kiritimati", "2026-01-10T18:59", "2026-01-10T19:00"),  # +14: 08:59 of the next day
    ("Pacific/Kiritimati", "2026-01-10T19:00", None),
    ("Pacific/Pago_Pago", "2026-01-10T08:00", "2026-01-10T20:00"),  # -11: 21:00 of the day before
    ("UTC", "2028-02-28T22:00", "2028-02-29T09:00"),  # leap day
    ("Europe/Berlin", "2026-03-28T21:00", "2026-03-29T07:00"),  # the night is an hour shorter
    ("Europe/Berlin", "2026-10-24T20:00", "2026-10-25T08:00"),  # and an hour longer
]


@pytest.mark.parametrize(("zone", "now", "expected"), CASES)
def test_the_window_opens_by_the_persons_clock(zone: str, now: str, expected: str | None) -> None:
    assert opens_at(utc(now), NIGHT, ZoneInfo(zone)) == (expected and utc(expected))


def test_an_end_that_is_skipped_or_repeated_wakes_nobody() -> None:
    quiet = (time(22), time(2, 30))
    # 02:30 does not exist on 29 March: it opens after the jump (03:30 is 01:30 UTC).
    assert opens_at(utc("2026-03-29T00:00"), quiet, BERLIN) == utc("2026-03-29T01:30")
    # 02:30 comes twice on 25 October: it opens at the second one.
    assert opens_at(utc("2026-10-24T22:00"), quiet, BERLIN) == utc("2026-10-25T01:30")


def test_hours_within_a_day() -> None:
    noon = (time(12), time(13))
    assert opens_at(utc("2026-01-01T12:00"), noon, ZoneInfo("UTC")) == utc("2026-01-01T13:00")
    assert opens_at(utc("2026-01-01T13:00"), noon, ZoneInfo("UTC")) is None
    assert opens_at(utc("2026-01-01T12:00"), None, ZoneInfo("UTC")) is None


def test_who_has_no_zone_or_a_strange_one_gets_the_schools() -> None:
    for name in (None, "", "Mars/Olympus", "../etc", "\0"):
        assert zone_of(name, BERLIN) is BERLIN
    assert zone_of("Asia/Tokyo", BERLIN).key == "Asia/Tokyo"


@given(
    now=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
    start=st.times(),
    end=st.times(),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
def test_it_opens_later_than_now_and_within_two_days(
    now: datetime, start: time, end: time, zone: str
) -> None:
    if start == end:
        return
    at = now.replace(tzinfo=UTC)
    until = opens_at(at, (start, end), ZoneInfo(zone))
    if until is not None:
        assert at < until <= at + timedelta(hours=25)
