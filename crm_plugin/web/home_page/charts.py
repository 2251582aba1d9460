"""What the home page's charts are drawn from, and the tables that say the same."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from crm_plugin.campaigns.reporting.sends import DayVolume
from crm_plugin.channels.sms.cost import Price
from crm_plugin.dashboard.reached import tree_of
from crm_plugin.dashboard.service import Home
from crm_plugin.dashboard.slices import Chart, Slice
from crm_plugin.dashboard.spans import Span, between
from crm_plugin.web.home_page.words import slice_name
from crm_plugin.web.segments import links
from crm_plugin.web.shell import formatting
from crm_plugin.web.shell.i18n import say
from crm_plugin.web.shell.vocabulary import word


@dataclass(frozen=True)
class Ring:
    """The make-up of people by one fact.

    :param rows: its slices: name, number, share, address of their people.
    :param drawn: what the chart is drawn from.
    """

    key: str
    title: str
    definition: str
    total: int
    rows: list[dict[str, Any]]
    drawn: dict[str, Any]


@dataclass(frozen=True)
class Volume:
    """Messages by day and channel."""

    channels: list[dict[str, Any]]
    rows: list[dict[str, Any]]
    drawn: dict[str, Any]


def rings(found: Home) -> list[Ring]:
    """Return the make-up as rings with their tables."""
    return [_ring(chart, slices, found.currency) for chart, slices in found.charts]


def _ring(chart: Chart, slices: Sequence[tuple[Slice, int]], currency: str) -> Ring:
    total = sum(number for _, number in slices)
    rows = [
        {
            "name": slice_name(one, currency),
            "people": number,
            "share": formatting.percent(number, total),
            "href": links.address(one.tree),
        }
        for one, number in slices
    ]
    title = word("home_chart", chart.key)
    points = [
        {"name": row["name"], "value": row["people"], "href": row["href"], "spoken": _spoken(row)}
        for row in rows
    ]
    return Ring(
        chart.key, title, word("home_definition", chart.key), total, rows, {"kind": "ring", "points": points}
    )


def _spoken(row: dict[str, Any]) -> str:
    people = formatting.number(row["people"])
    return say("%(name)s: %(people)s people, %(share)s", name=row["name"], people=people, share=row["share"])


def volume(span: Span, found: Sequence[DayVolume], price: Price | None) -> Volume:
    """Return messages by day: what is drawn, and the days on which anything was sent.

    :param price: of a billed part, for who may see it.
    """
    names = sorted({one.channel for one in found} | {"sms", "email", "message"}, key=_place)
    channels = {name: word("channel", name) for name in names}
    by_day: dict[date, dict[str, DayVolume]] = {day: {} for day in span.days}
    for one in found:
        by_day[one.day][one.channel] = one
    people = People()
    sent = [(day, some) for day, some in reversed(by_day.items()) if some]
    rows = [_day(day, some, channels, price) | {"href": people.of(day)} for day, some in sent]
    points = [_point(day, some, channels) | {"href": people.of(day)} for day, some in by_day.items()]
    drawn = {"kind": "days", "points": points, "series": list(_series(list(by_day.values()), channels))}
    return Volume([_channel(name, label, found) for name, label in channels.items()], rows, drawn)


def _series(days: Sequence[dict[str, DayVolume]], channels: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for name, label in channels.items():
        yield {"name": label, "values": [_messages(some, name) for some in days]}
    parts = [some["sms"].parts if "sms" in some else 0 for some in days]
    if any(parts):
        yield {"name": say("SMS, billed parts"), "values": parts, "line": True}


def _channel(name: str, label: str, found: Sequence[DayVolume]) -> dict[str, Any]:
    mine = [one for one in found if one.channel == name]
    return {"key": name, "label": label, "messages": sum(one.messages for one in mine)}


def _day(
    day: date, some: dict[str, DayVolume], channels: Mapping[str, str], price: Price | None
) -> dict[str, Any]:
    parts = some["sms"].parts if "sms" in some else 0
    return {
        "day": formatting.day(day),
        "messages": [(label, _messages(some, name)) for name, label in channels.items()],
        "parts": parts,
        "cost": formatting.money(parts * price.amount, price.currency) if price else "",
    }


def _point(day: date, some: dict[str, DayVolume], channels: Mapping[str, str]) -> dict[str, Any]:
    numbers = [
        f"{label} {formatting.number(some[name].messages)}"
        for name, label in channels.items()
        if name in some
    ]
    name = formatting.day(day)
    return {"name": name, "spoken": f"{name}: {', '.join(numbers) or '0'}"}


_SOME_DAY = date(2000, 1, 1)


class People:
    """Addresses of the people who were handed a message on a day: made once, as a year has many days."""

    def __init__(self) -> None:
        self._address = links.address(tree_of(between(_SOME_DAY, _SOME_DAY)))

    def of(self, day: date) -> str:
        """Return the address of a day."""
        return self._address.replace(_SOME_DAY.isoformat(), day.isoformat())


def _messages(some: dict[str, DayVolume], channel: str) -> int:
    return some[channel].messages if channel in some else 0


def _place(channel: str) -> int:
    known = ("sms", "email", "message")
    return known.index(channel) if channel in known else len(known)
