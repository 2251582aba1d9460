"""What the home page's charts are drawn from, and the tables that say the same."""

from collections.abc import Sequence
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
    channels = sorted({one.channel for one in found} | {"sms", "email", "message"}, key=_place)
    by_day: dict[date, dict[str, DayVolume]] = {}
    for one in found:
        by_day.setdefault(one.day, {})[one.channel] = one
    rows = [_day(day, by_day[day], channels, price) for day in reversed(span.days) if day in by_day]
    points = [_point(day, by_day.get(day, {}), channels) for day in span.days]
    series: list[dict[str, Any]] = [
        {"name": word("channel", name), "values": [_messages(by_day.get(day, {}), name) for day in span.days]}
        for name in channels
    ]
    parts = [by_day[day]["sms"].parts if "sms" in by_day.get(day, {}) else 0 for day in span.days]
    if any(parts):
        series.append({"name": say("SMS, billed parts"), "values": parts, "line": True})
    return Volume(
        [_channel(name, found) for name in channels],
        rows,
        {"kind": "days", "points": points, "series": series},
    )


def _channel(name: str, found: Sequence[DayVolume]) -> dict[str, Any]:
    mine = [one for one in found if one.channel == name]
    return {"key": name, "label": word("channel", name), "messages": sum(one.messages for one in mine)}


def _day(
    day: date, some: dict[str, DayVolume], channels: Sequence[str], price: Price | None
) -> dict[str, Any]:
    sms = some.get("sms")
    return {
        "day": formatting.day(day),
        "href": people_of(day),
        "messages": [(word("channel", name), _messages(some, name)) for name in channels],
        "parts": sms.parts if sms else 0,
        "cost": formatting.money((sms.parts if sms else 0) * price.amount, price.currency) if price else "",
    }


def _point(day: date, some: dict[str, DayVolume], channels: Sequence[str]) -> dict[str, Any]:
    numbers = [f"{word('channel', name)} {formatting.number(_messages(some, name))}" for name in channels]
    name = formatting.day(day)
    return {"name": name, "href": people_of(day), "spoken": f"{name}: {', '.join(numbers)}"}


def people_of(day: date) -> str:
    """Return the address of the people who were handed a message on a day."""
    return links.address(tree_of(between(day, day)))


def _messages(some: dict[str, DayVolume], channel: str) -> int:
    return some[channel].messages if channel in some else 0


def _place(channel: str) -> int:
    known = ("sms", "email", "message")
    return known.index(channel) if channel in known else len(known)
