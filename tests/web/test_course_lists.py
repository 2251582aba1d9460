"""Lists of courses and classes, and the orders behind their amounts: pages, files and API say the same."""

import csv
import io
import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.boards import service
from crm_plugin.host import records as r
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.profiles.sync.service import sync
from tests.fakes.crm import NOW
from tests.servers.databases import Rows
from tests.web.fixtures import School

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
_READ: dict[str, Rows] = {}
"""What reading the books left in a database, by its address."""
ROW = re.compile(r"<tr>.*?</tr>", re.DOTALL)


def _order(ident: str, who: str, state: str, *lines: tuple[str, str], **more: Any) -> r.Order:
    made = tuple(
        r.OrderLine("class" if item[0] == "k" else "course", item, Decimal(amount)) for item, amount in lines
    )
    total = sum((line.amount for line in made), Decimal(0))
    facts: dict[str, Any] = {"currency": "CNY", "created_at": NOW, "lines": made}
    return r.Order(ident, who, state, total, **facts | more)


@pytest.fixture
def school(school: School) -> School:
    """A school with a class, plans, two currencies, off-site orders and refunds of a part."""
    part = r.OrderLine("course", "plan", Decimal(80), refunded=Decimal("30.55"))
    school.host.put(
        r.Course(
            "c2", "Chess & Co", tags=("board games",), category=("Games",), price=Decimal(20), currency="CNY"
        ),
        r.Course("plan", "Chess, slowly", parent_id="c2", price=Decimal("15.50"), currency="CNY"),
        r.Course("c3", "Go", status="closed"),
        r.Course("k1", "Spring class", kind="class", course_ids=("c2",)),
        _order("x1", "p1", "paid", ("c2", "100.00"), ("k1", "900.00"), paid_at=NOW),
        r.Order("x2", "p2", "partly_refunded", Decimal(80), "CNY", lines=(part,), refunded=part.refunded),
        _order("x3", "p3", "paid", ("c2", "5.00"), source="Offline"),
        _order("x4", "p4", "paid", ("c2", "7.00"), currency="USD"),
        _order("x5", "p5", "paid", ("c2", "0")),
        _order("x6", "p6", "pending", ("c2", "33.00"), closes_at=NOW + timedelta(hours=1)),
        _order("x7", "p6", "pending", ("c2", "44.00"), closes_at=NOW - timedelta(hours=1)),
        _order("x8", "p8", "refunding", ("c2", "50.00"), refund_requested=Decimal(20)),
        r.Signal("v1", "p9", "view", NOW - timedelta(days=1), "c2"),
        r.Enrolment("e9", "p7", "c2", completed_at=NOW, enrolled_at=NOW),
    )
    address = str(school.crm.db.engine.url)
    if address in _READ:
        _READ[address].write(school.crm.db.engine)
    else:
        sync(school.crm)
        service.refresh(school.crm)
        _READ[address] = Rows(school.crm.db.engine)
    return school


def _api(school: School, path: str) -> Any:
    """Return what an operation of the API answers."""
    return school.get(f"/api/v1{path}").json


def _row(page: str, title: str) -> str:
    """Return the text of a course's row, without its tags."""
    found = next(row for row in ROW.findall(page) if title in row)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", found))


def test_a_course_stands_with_its_figures(school: School) -> None:
    row = _row(school.get("/courses").text, "Chess &amp; Co")
    assert "¥199.45" in row, "100 + 80 − 30.55 + 50, whose refund is only asked for"
    assert "¥5.00" in row, "paid elsewhere"
    assert "US$7.00" in row
    assert "¥53.00" in row, "an open unpaid order, and 20 that were asked back"
    assert "¥16" in row, "the plan's price for one person, in whole yuan"


def test_amounts_open_their_orders(school: School) -> None:
    page = school.get("/courses").text
    for address in re.findall(r'href="/admin/crm(/orders[^"]*course=c2[^"]*)">([^<]*)', page):
        shown = school.get(address[0].replace("&amp;", "&")).text
        assert f"<b>{address[1]}</b>" in shown
    revenue = school.get("/orders?course=c2&what=revenue&currency=CNY").text
    assert "3 orders" in revenue
    assert [f">{one}<" in revenue for one in ("x1", "x2", "x3", "x4", "x5", "x8")] == [
        True,
        True,
        False,
        False,
        False,
        True,
    ]


def test_a_class_has_its_own_money_and_the_interest_of_its_courses(school: School) -> None:
    row = _row(school.get("/classes").text, "Spring class")
    assert "¥900.00" in row
    assert "Chess" not in school.get("/classes").text.partition("<tbody>")[2]
    figures = _api(school, "/classes/figures")["items"][0]
    assert (figures["potential"], figures["money"][0]["revenue"]) == (1, "900")


FILTERED: dict[str, list[str]] = {
    "search=CHESS": ["c2"],
    "tag=board+games": ["c2"],
    "category=games": ["c2"],
    "state=closed": ["c3"],
    "state=gone": [],
    "sort=-revenue": ["c1", "c2", "c3"],
    "sort=-developable": ["c2", "c1", "c3"],
    "sort=title": ["c2", "c3", "c1"],
    "sort=nonsense&offset=x": ["c2", "c3", "c1"],
}


def test_lists_are_filtered_and_sorted(school: School) -> None:
    titles = {"Chess &amp; Co": "c2", ">Go<": "c3", "Piano": "c1"}
    for asked, wanted in FILTERED.items():
        page = school.get(f"/courses?{asked}").text.partition("<tbody>")[2]
        found = sorted((page.find(title), ident) for title, ident in titles.items() if title in page)
        assert [ident for _, ident in found] == wanted, asked


def test_the_file_says_what_the_page_says(school: School) -> None:
    sent = school.post("/courses/export", {"list": "courses", "format": "csv", "search": "chess"})
    rows = list(csv.DictReader(io.StringIO(sent.get_data(as_text=True).lstrip("\ufeff"))))
    assert [(row["Currency"], row["Revenue"], row["Off-site"]) for row in rows] == [
        ("CNY", "199.45", "5"),
        ("USD", "7", "0"),
    ]
    orders = {"course": "c2", "what": "at_risk", "currency": "CNY", "format": "csv"}
    lines = school.post("/orders/export", orders).get_data(as_text=True).splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == ["x8", "x6"]
    with school.post("/courses/export", {"list": "classes", "format": "xlsx"}) as sheet:
        assert sheet.data.startswith(b"PK")
    assert school.post("/courses/export", {"list": "all"}).status_code == 400
    with school.crm.db.read() as session:
        kept = session.scalars(sa.select(AuditRow.action).where(AuditRow.action.startswith("course")))
        assert sorted(kept) == ["course.export", "course.export", "course.export_orders"]


def test_the_api_says_what_the_page_says(school: School) -> None:
    found = _api(school, "/courses/figures?search=chess&sort=revenue&descending=true")
    (row,) = found["items"]
    assert (found["total"], found["next"], row["learners"], row["completion"]) == (1, None, 1, 1.0)
    assert {one["currency"]: one["revenue"] for one in row["money"]} == {"CNY": "199.45", "USD": "7"}
    orders = _api(school, "/courses/orders?course=plan&currency=CNY&limit=1")
    assert (orders["count"], orders["total"], [one["host_id"] for one in orders["items"]]) == (
        3,
        "199.45",
        ["x8"],
    )
    following = _api(school, f"/courses/orders?course=plan&currency=CNY&after={orders['next']}")
    assert [one["host_id"] for one in following["items"]] == ["x1", "x2"]


REFUSED: dict[str, Callable[[School], Any]] = {
    "orders": lambda school: school.get("/orders?course=c2&currency=CNY"),
    "orders by the API": lambda school: school.get("/api/v1/courses/orders?course=c2&currency=CNY"),
    "sorted by money": lambda school: school.get("/api/v1/courses/figures?sort=revenue"),
    "a file": lambda school: school.post("/orders/export", {"course": "c2"}),
}


def test_money_needs_its_permission(school: School) -> None:
    school.sign_in("crm.view", "crm.export", "crm.send")
    assert {name: ask(school).status_code for name, ask in REFUSED.items()} == dict.fromkeys(REFUSED, 403)
    page = school.get("/courses?sort=-revenue")
    assert (page.status_code, "¥" in page.text, "Revenue" in page.text) == (200, False, False)
    assert _api(school, "/courses/figures")["items"][0]["money"] is None
    assert "¥" not in school.post("/courses/export", {"list": "courses"}).get_data(as_text=True)


def test_who_is_limited_sees_their_courses_only(school: School) -> None:
    school.sign_in(scope=frozenset({"plan"}))
    page = school.get("/courses").text
    assert ("Chess" in page, "Piano" in page, "1 course" in page) == (True, False, True)
    assert "Spring" not in school.get("/classes").text
    assert school.get("/orders?course=c1").status_code == 404
    assert school.get("/orders?course=k1").status_code == 404
    assert school.get("/orders?course=c2").status_code == 200


def test_a_list_without_figures_says_that_they_come(empty_school: School) -> None:
    assert "No courses here" in empty_school.get("/courses").text
    sync(empty_school.crm, full=True)
    assert "are being computed" in empty_school.get("/courses").text
    assert "Nothing matches" in empty_school.get("/courses?search=zzz").text
