"""The home page: each number is that of the people whom it opens, to the hour, in the school's zone."""

import html
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from crm_plugin.dashboard.jobs import burst
from crm_plugin.dashboard.names import FIGURES
from crm_plugin.host import records as r
from crm_plugin.kernel.errors import TooSlow
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments import service
from crm_plugin.segments.saved import quick_queries
from tests.fakes.crm import NOW
from tests.web.fixtures import PEOPLE, School
from tests.web.test_pages import on_sqlite
from tests.web.test_quick_query_opening import ADMIN
from tests.web.test_statements import asked

pytestmark = on_sqlite
"""That each number opens its people is held on all databases below the pages, in ``tests/dashboard``."""
HOURS = range(-30, 30, 3)
"""Around the moment thirty days ago."""
NO_PEOPLE = ("Bulk sends", "Messages handed over", "Last click rate", "Paid, refunds taken off")
"""Figures that are no number of people."""
STATEMENTS = 16
"""The most that the page may need."""
SLICES = 28
"""Of the five charts, by the usual limits."""


def around(hour: int) -> list[r.Record]:
    """Return somebody of that hour, who pays and leaves an order unpaid, or does neither."""
    at, ident = NOW - timedelta(days=29, hours=12 - hour), f"h{hour}"
    facts: dict[str, Any] = dict.fromkeys(("registered_at", "last_login_at", "last_active_at"), at)
    person = r.Person(ident, display_name="Hour", member_level="gold", **facts)
    if hour % 2:
        return [person]
    amount, line = Decimal("10.00"), (r.OrderLine("course", "c1", Decimal("10.00")),)
    return [
        person,
        r.Order(f"paid{hour}", ident, "paid", amount, "CNY", created_at=at, paid_at=at, lines=line),
        r.Order(f"open{hour}", ident, "pending", amount, "CNY", created_at=at, closes_at=NOW, lines=line),
        r.Order(f"too{hour}", ident, "pending", amount, "CNY", created_at=at, lines=line),
        r.Enrolment(f"seat{hour}", ident, "c1", progress=(hour + 30) / 60),
    ]


def filled(school: School) -> str:
    """Return the home page of a school with people at the edges of the bands."""
    school.host.put(*(one for hour in HOURS for one in around(hour)))
    school.host.put(r.Person("gone", status="erased", display_name="", registered_at=NOW))
    sync(school.crm, full=True)
    burst(school.crm)
    return school.get("/").text


def people_behind(school: School, href: str) -> int:
    """Return how many people an address of the list finds."""
    asked = parse_qs(urlsplit(html.unescape(href)).query).get("tree")
    tree = json.loads(asked[0]) if asked else {"combinator": "and", "rules": []}
    return service.count(school.crm, tree).count


def slices(page: str) -> Iterator[tuple[str, str, int]]:
    """Return (name, address, people) of each slice on the page."""
    row = r'c-swatch--\d+".*?<a href="([^"]*)">([^<]*)</a>.*?data-label="People"[^>]*>([\d,]+)<'
    for href, name, people in re.findall(row, page, re.DOTALL):
        yield html.unescape(name), href, int(people.replace(",", ""))


def test_each_figure_opens_as_many_people_as_it_says(school: School) -> None:
    page = filled(school)
    figures = re.findall(r'<dt>(.*?)</dt>\s*<dd>(?:<a href="([^"]*)">)?([^<]*)', page)
    assert len(figures) == 10
    for label, href, shown in figures:
        if label not in NO_PEOPLE:
            assert int(shown) == people_behind(school, href), label
    numbers = {label: shown for label, _href, shown in figures}
    assert numbers["With unpaid orders"] == str(len([hour for hour in HOURS if hour % 2 == 0]))
    recent = PEOPLE < int(numbers["Newly registered"]) < PEOPLE + len(HOURS)
    assert recent, "the boundary lies among the people of this test"
    assert numbers["Paid, refunds taken off"].startswith("¥")


def test_each_slice_opens_as_many_people_as_it_says(school: School) -> None:
    page = filled(school)
    found = list(slices(page))
    assert len(found) == SLICES
    for name, href, people in found:
        assert people == people_behind(school, href), name
    assert len([people for _name, _href, people in found if people]) >= SLICES / 2
    drawn = [json.loads(html.unescape(one)) for one in re.findall(r'-data">(.*?)</script>', page, re.DOTALL)]
    points = [(point["name"], point["value"]) for ring in drawn for point in ring["points"]]
    assert points == [(name, people) for name, _href, people in found], "the chart and its table say the same"
    closing = re.search(r'href="([^"]*)">Unpaid orders that close today: (\d+) people', page)
    assert closing is not None
    assert int(closing[2]) == people_behind(school, closing[1]) > 0


def test_who_is_limited_to_courses_sees_no_figures_of_the_school(school: School) -> None:
    filled(school)
    school.sign_in(scope=frozenset({"c1"}))
    page = school.get("/").text
    assert "<dt>" not in page
    assert "c-swatch" not in page
    assert "Unpaid orders that close today" in page, "of their own courses"
    school.sign_in(scope=frozenset())
    assert "Unpaid orders that close today" not in school.get("/").text


def test_money_is_for_who_may_see_it(school: School) -> None:
    filled(school)
    school.sign_in("crm.view")
    page = school.get("/").text
    assert "Purchases" in page
    assert not [words for words in ("Spend", "Paid, refunds", "¥", "Cost of SMS") if words in page]


def test_chinese_pages_name_every_slice(school: School) -> None:
    filled(school)
    school.sign_in(locale="zh")
    page = school.get("/").text
    assert not [name for name, _href, _people in slices(page) if re.search("[A-Za-z]{2}", name)]


def test_the_page_asks_the_database_as_often_whatever_it_shows(school: School) -> None:
    burst(school.crm)
    school.get("/")
    with asked(school) as run:
        school.get("/")
    few = len(run)
    filled(school)
    for number in range(3):
        quick_queries.save(
            school.crm, ADMIN, f"Pinned {number}", {"combinator": "and", "rules": []}, pinned=True
        )
    with asked(school) as run:
        school.get("/?days=365")
    assert few <= len(run) <= STATEMENTS, "\n".join(run)
    assert len(run) - few <= 1, "\n".join(run)


def test_the_api_has_the_same_numbers(school: School) -> None:
    page = filled(school)
    found = school.get("/api/v1/home?days=7").get_json()
    points = [one["people"] for chart in found["charts"] for one in chart["slices"]]
    assert points == [people for _name, _href, people in slices(page)]
    for chart in found["charts"]:
        for one in chart["slices"]:
            assert one["people"] == service.count(school.crm, one["tree"]).count
    figures = {one["key"]: one["people"] for one in found["figures"]}
    assert figures["everybody"] == PEOPLE + len(HOURS)
    assert found["closing"] > 0
    assert (found["from"], found["to"]) == ("2026-11-09", "2026-11-15")
    assert school.get("/api/v1/home?from=2026-11-09").status_code == 400
    assert school.get("/api/v1/home?days=8").status_code == 400
    school.sign_in("crm.view", scope=frozenset({"c1"}))
    limited = school.get("/api/v1/home").get_json()
    assert (limited["sends"], limited["figures"], limited["charts"]) == (None, [], [])
    school.sign_in("crm.view")
    found = school.get("/api/v1/home").get_json()
    assert (found["taken"], found["sends"]["cost"]) == (None, None)
    assert "spend" not in {chart["key"] for chart in found["charts"]}


def test_the_school_is_given_the_same_figures_when_they_change(school: School) -> None:
    page = filled(school)
    calls = school.host.called("host_publish_figures")
    given = {one.key: one for one in school.host.figures}
    assert set(given) == set(FIGURES) - {"click_rate"}, "no campaign finished yet"
    assert given["everybody"].value == PEOPLE + len(HOURS)
    for key in ("everybody", "registered", "active", "bought", "unpaid", "reached"):
        assert given[key].value == people_behind(school, given[key].url), key
    assert (given["taken"].unit, given["taken"].permission) == ("CNY", "crm.money")
    assert f"¥{given['taken'].value:.0f}" in page
    assert given["bulk"].labels == {"en": "Bulk sends", "zh": "群发次数"}
    assert not burst(school.crm)
    assert school.host.called("host_publish_figures") == calls, "nothing changed"


def test_days_that_cannot_be_are_explained_and_the_usual_ones_shown(school: School) -> None:
    burst(school.crm)
    for days in ("days=8", "days=x", "from=2026-11-10&to=2026-11-09", "from=2026-11-10", "from=x&to=y"):
        answer = school.get(f"/?{days}")
        assert answer.status_code == 200
        assert 'role="alert"' in answer.text, days
    page = school.get("/?from=2026-11-01&to=2026-11-09").text
    assert "1 Nov 2026 – 9 Nov 2026" in page
    assert 'role="alert"' not in page


TOO_SLOW = "Unpaid orders that close today could not be counted."
NONE_CLOSES = "no unpaid order closes today"


def test_what_was_too_slow_to_count_is_not_called_none(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(school)
    school.sign_in(scope=frozenset())
    assert NONE_CLOSES in school.get("/").text

    def slow(*_any: Any, **_more: Any) -> None:
        raise TooSlow("database.too_slow", seconds=10)

    monkeypatch.setattr("crm_plugin.dashboard.service.segments.count", slow)
    page = school.get("/").text
    assert TOO_SLOW in page
    assert NONE_CLOSES not in page
    assert school.get("/api/v1/home").get_json()["closing_uncounted"] is True


def test_what_was_counted_yesterday_says_nothing_of_today(school: School) -> None:
    page = filled(school)
    assert TOO_SLOW not in page
    school.crm.clock.move(days=1)  # type: ignore[attr-defined]
    page = school.get("/").text
    assert TOO_SLOW in page
    assert NONE_CLOSES not in page
    burst(school.crm)
    page = school.get("/").text
    assert TOO_SLOW not in page
    assert NONE_CLOSES in page
