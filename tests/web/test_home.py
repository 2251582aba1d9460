"""The overview: each figure is the number of the people that it opens, to the hour, in the school's zone."""

import html
import re
from datetime import timedelta
from decimal import Decimal

from crm_plugin.host import records as r
from crm_plugin.profiles.sync.service import sync
from tests.fakes.crm import NOW
from tests.web.fixtures import PEOPLE, School

HOURS = range(-30, 30, 3)
"""Around the moment thirty days ago."""


def around(hour: int) -> list[r.Record]:
    """Return somebody of that hour, who pays and leaves an order unpaid, or does neither."""
    at, ident = NOW - timedelta(days=29, hours=12 - hour), f"h{hour}"
    person = r.Person(ident, display_name="Hour", registered_at=at, last_active_at=at)
    if hour % 2:
        return [person]
    amount, line = Decimal("10.00"), (r.OrderLine("course", "c1", Decimal("10.00")),)
    return [
        person,
        r.Order(f"paid{hour}", ident, "paid", amount, "CNY", created_at=at, paid_at=at, lines=line),
        r.Order(f"open{hour}", ident, "pending", amount, "CNY", created_at=at, lines=line),
        r.Order(f"too{hour}", ident, "pending", amount, "CNY", created_at=at, lines=line),
    ]


def test_each_figure_opens_as_many_people_as_it_says(school: School) -> None:
    school.host.put(*(one for hour in HOURS for one in around(hour)))
    school.host.put(r.Person("gone", status="erased", display_name="", registered_at=NOW))
    sync(school.crm, full=True)
    page = school.get("/").text
    figures = re.findall(r'<dt>(.*?)</dt>\s*<dd>(?:<a href="([^"]*)">)?([^<]*)', page)
    assert len(figures) == 6
    for label, href, shown in figures:
        assert href, label
        list_page = school.get(html.unescape(href).removeprefix("/admin/crm")).text
        found = re.search(r'id="c-count".*?<b>([\d,]+)</b>', list_page, re.DOTALL)
        assert found is not None
        if not shown.startswith("CN"):
            assert found[1] == shown, label
    numbers = {label: shown for label, _href, shown in figures}
    assert numbers["With unpaid orders"] == str(len([hour for hour in HOURS if hour % 2 == 0]))
    recent = PEOPLE < int(numbers["Newly registered"]) < PEOPLE + len(HOURS)
    assert recent, "the boundary lies among the people of this test"


def test_who_is_limited_to_courses_sees_no_figures_of_the_school(school: School) -> None:
    school.sign_in(scope=frozenset({"c1"}))
    assert "<dt>" not in school.get("/").text
