"""Each tab of a board: its people with what matters there, its numbers, filters, orders and rights."""

import re
from html import unescape
from urllib.parse import parse_qsl

import pytest

from crm_plugin.boards.board import one_course, tab_filters
from crm_plugin.boards.board.tabs import Tab
from crm_plugin.segments import service
from tests.web.boards.stages import PEOPLE
from tests.web.boards.test_ready_actions import ADMIN
from tests.web.fixtures import School
from tests.web.test_pages import on_sqlite

pytestmark = on_sqlite
BOARD = "/courses/b1"


def listed(page: str) -> list[str]:
    """The school's ids of the people of a list, in its order."""
    return re.findall(r'name="pick" value="([^"]*)"', page)


def tabs(page: str) -> dict[str, int]:
    """Stage → the number on its tab."""
    found = re.findall(r'stage=(\w+)"[^>]*>\s*<span>[^<]*</span><b class="c-num">(\d+)</b>', page)
    return {stage: int(count) for stage, count in found}


def row(page: str, who: str) -> str:
    """What stands in somebody's row, as text."""
    found = re.search(rf'<tr id="p\d+">(?:(?!</tr>).)*value="{who}".*?</tr>', page, re.S)
    assert found, who
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", found.group())).split())


def test_a_tab_lists_as_many_as_it_says(board: School) -> None:
    for stage, people in PEOPLE.items():
        page = board.get(f"{BOARD}?stage={stage}").text
        wanted = {*people, *(("closed",) if stage == "potential" else ())}
        assert set(listed(page)) == wanted, stage
        assert tabs(page)[stage] == len(wanted), stage


def test_the_header_says_what_the_school_says(board: School) -> None:
    page = board.get(BOARD).text
    for words in ("Drums", "Course", "On offer", "¥200.00", "Showed interest in the last 180 days"):
        assert words in page, words
    assert "Contains" in board.get("/courses/k1").text


def test_potential_people_have_acts_and_an_intention(board: School) -> None:
    page = board.get(f"{BOARD}?stage=potential").text
    assert listed(page) == ["viewer", "closed", "fan"]
    assert "Took a trial lesson 2 days ago" in row(page, "viewer")
    assert "Viewed × 4" in row(page, "viewer")
    assert "Suggested" in row(page, "viewer")
    assert "Order closed unpaid" in row(page, "closed")
    in_class = board.get("/courses/k1?stage=potential").text
    assert "· Drums" in row(in_class, "viewer")
    assert "Viewed 5 days ago , Marked" in row(in_class, "fan")


NARROWED = {
    "stage=potential&act=trial": {"viewer"},
    "stage=potential&act=closed_order": {"closed"},
    "stage=potential&since=7": {"viewer"},
    "stage=potential&act=favourite&since=30": set(),
    "stage=potential&level=unset": {"viewer", "fan", "closed"},
    "stage=pending&waits=3": {"late"},
    "stage=pending&closes=6": {"owing"},
    "stage=learners&progress=nearly": {"fast"},
    "stage=learners&progress=finished": {"done"},
    "stage=learners&progress=begun": {"slow", "idle"},
    "stage=learners&idle=14": {"idle"},
    "stage=learners&progress=stalled": {"slow"},
    "stage=learners&ends=14": {"idle"},
    "stage=left&how=removed": {"sent"},
    "stage=left&left=7": {"gone", "sent"},
    "stage=left&reason=text:too hard&month=2026-11": {"gone"},
    "stage=left&reason=kind:removed": {"sent"},
    "stage=expired&ran_out=7": {"over"},
    "stage=closed_unpaid&closed=7": set(),
}
"""Tab and filter → the people that are left."""


def test_a_filter_narrows_a_tab(board: School) -> None:
    with board.crm.db.read() as session:
        course = one_course.find(session, ADMIN, "b1")
    for asked, wanted in NARROWED.items():
        values = dict(parse_qsl(asked))
        stage = values.pop("stage")
        filters = tab_filters.read(tab_filters.of_tab(board.crm, stage, course), values)
        assert filters == values, asked
        assert set(service.ids(board.crm, Tab(course, stage, filters).tree)) == wanted, asked
    page = board.get(f"{BOARD}?stage=learners&idle=14").text
    assert (listed(page), tabs(page)["learners"]) == (["idle"], 6)
    assert '<b class="c-num">1</b>' in page.partition('class="c-bulk"')[2]
    assert board.get(f"{BOARD}?stage=learners&idle=15").status_code == 400


def test_a_class_says_where_the_interest_was(board: School) -> None:
    assert set(listed(board.get("/courses/k1?stage=potential&where=class").text)) == {"fan"}
    assert "viewer" in listed(board.get("/courses/k1?stage=potential&where=courses").text)


def test_unpaid_orders_have_age_amount_and_time_left(board: School) -> None:
    page = board.get(f"{BOARD}?stage=pending").text
    assert listed(page) == ["owing", "late"]
    assert "24 hours ago in 2 hours ¥200.00" in row(page, "owing")
    assert "¥150.50" in row(page, "late")
    closed = board.get(f"{BOARD}?stage=closed_unpaid").text
    assert "7 Nov 2026 ¥200.00" in row(closed, "closed")


def test_learners_are_compared_with_the_median_pace(board: School) -> None:
    page = board.get(f"{BOARD}?stage=learners&sort=-progress").text
    assert listed(page) == ["done", "fast", "even", "half", "idle", "slow"]
    assert "Finished" in row(page, "done")
    assert "Stalled" in row(page, "slow")
    assert "Stalled" not in row(page, "half")
    assert "40% 4 weeks ago 25 Nov 2026" in row(page, "idle")
    assert "No end" in row(page, "fast")


def test_people_who_left_have_reason_day_and_refund(board: School) -> None:
    page = board.get(f"{BOARD}?stage=left").text
    assert "12 Nov 2026 Refunded Too hard ¥200.00" in row(page, "gone")
    assert "11 Nov 2026 Removed" in row(page, "sent")
    assert "9 Nov 2026" in row(board.get(f"{BOARD}?stage=expired").text, "over")


def test_each_number_of_the_analysis_opens_that_many_people(board: School) -> None:
    page = board.get(f"{BOARD}?stage=left").text
    table = page.partition('id="leaving-data"')[2].partition("</script>")[2]
    slices = re.findall(r'<a href="/admin/crm([^"]+)">(\d+)</a>', table.partition('id="c-list"')[0])
    assert sorted(int(count) for _href, count in slices) == [1, 1, 1, 1, 2]
    for href, count in slices:
        assert len(listed(board.get(unescape(href).partition("#")[0]).text)) == int(count), href


def test_amounts_need_their_right_and_contacts_theirs(board: School) -> None:
    board.sign_in("crm.view")
    for stage in ("pending", "left"):
        page = board.get(f"{BOARD}?stage={stage}").text
        assert "¥2" not in page.replace("¥200.00</b>", "", 1), stage
        assert "13900130" not in page
        assert "Write to" not in page


def test_a_limited_reader_sees_their_courses_only(board: School) -> None:
    board.sign_in(scope=frozenset({"n1"}))
    assert board.get(BOARD).status_code == 404
    board.sign_in(scope=frozenset({"k1"}))
    page = board.get("/courses/k1?stage=potential").text
    assert (set(listed(page)), "Drums" in page) == ({"fan"}, False)


def test_another_order_turns_and_pages_go_on(board: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crm_plugin.web.boards.board_page.PAGE", 2)
    seen, address = [], f"{BOARD}?stage=learners&sort=progress"
    for _ in range(3):
        page = board.get(address).text
        seen += listed(page)
        following = re.search(r'name="next" value="([^"]+)"', page)
        address = f"{BOARD}?stage=learners&sort=progress&after={following.group(1) if following else ''}"
    assert seen == ["slow", "idle", "half", "even", "fast", "done"]


def test_both_languages(board: School) -> None:
    board.sign_in(locale="zh")
    for stage in ("potential", "left"):
        page = board.get(f"{BOARD}?stage={stage}").text
        assert "选择本页" in page
        assert "Nobody selected" not in page
