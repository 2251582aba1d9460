"""Lists of people: the reach, columns, ticks over pages, exports; for limited actors nobody else."""

import csv
import io
import re
import zipfile
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns import queries
from crm_plugin.host import records as r
from crm_plugin.host.context import install
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments import jobs
from crm_plugin.segments import service as segments
from crm_plugin.segments.bulk import bulk_jobs, exports
from crm_plugin.segments.models import Export
from crm_plugin.web.people import results
from tests.campaigns.fixtures import preflight
from tests.fakes.clock import FixedClock
from tests.fakes.crm import NOW
from tests.fakes.host import ALL
from tests.web.fixtures import PEOPLE, School
from tests.web.forms import posted
from tests.web.test_pages import BUYERS, on_sqlite, query

CHOSEN = "c-chosen"


def names(page: str) -> list[str]:
    """The people of a list, in its order."""
    return re.findall(r'<th scope="row"><a [^>]*>([^<]*)</a>', page)


def ticked(page: str) -> list[str]:
    return posted(page, CHOSEN).getlist("pick")


def press(school: School, page: str, do: str, ticks: list[str] | None = None, **more: Any) -> Any:
    """Press a button of the list, with these people ticked instead of those that the page has."""
    form = posted(page, CHOSEN)
    if ticks is not None:
        form.setlist("pick", ticks)
    form["do"] = do
    return school.post("/people/selected", {**form.to_dict(flat=False), **more})


def audited(school: School, action: str) -> list[tuple[str, int | None]]:
    with school.crm.db.read() as session:
        rows = session.execute(sa.select(AuditRow.actor, AuditRow.count).where(AuditRow.action == action))
        return [(row[0], row[1]) for row in rows]


def audience(school: School, answer: Any) -> list[str]:
    """Host ids of the audience of the draft that an answer leads to."""
    ident = int(re.findall(r"/campaigns/(\d+)/audience", answer.location)[0])
    return list(segments.ids(school.crm, queries.get(school.crm, ident).audience))


def body(answer: Any) -> bytes:
    """The file of an answer, which a server would close after sending it."""
    with answer:
        data: bytes = answer.data
    return data


def table(answer: Any) -> list[list[str]]:
    data = body(answer)
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))


def test_each_number_of_the_reach_opens_its_people(school: School) -> None:
    page = school.get("/people", query_string={**query(BUYERS), "channel": "sms", "days": "30"}).text
    steps = re.findall(r'class="c-funnel__count c-num" href="([^"]*)"[^>]*>([\d,]+)<', page)
    assert [count for _, count in steps] == ["6", "6", "6", "6", "6"]
    assert posted(page, "#reach")["days"] == "30"
    for href, count in steps:
        answer = school.client.get(href.replace("&amp;", "&"))
        assert len(names(answer.text)) == int(count)
    assert "Shown: Will get it" in answer.text


@on_sqlite
def test_a_reach_that_cannot_be_worked_out_says_why(school: School) -> None:
    assert "expected one of" in school.get("/people?channel=pigeon").text
    assert school.get("/people?channel=sms&step=nowhere").status_code == 400


@on_sqlite
def test_columns_are_chosen_and_kept(school: School) -> None:
    page = school.get("/people").text
    assert "Telephone" in page
    answer = press(school, page, "columns", column=["city", "last_paid_at", "nonsense"])
    assert answer.status_code == 302
    page = school.get("/people").text
    heads = re.findall(r'<th scope="col"[^>]*>(?:<a[^>]*>)?([^<]*)', page)
    assert [head.strip(" ↓↑") for head in heads if head.strip()] == ["Name", "City", "Latest purchase"]
    press(school, page, "usual")
    assert "c-num" in school.get("/people").text
    assert 'data-label="Telephone"' in school.get("/people").text


@on_sqlite
def test_amounts_are_no_column_without_the_permission(school: School) -> None:
    school.sign_in("crm.view", "crm.export")
    page = school.get("/people").text
    assert 'value="paid_total"' not in page
    press(school, page, "columns", column=["paid_total", "paid_count"])
    rows = table(press(school, school.get("/people").text, "csv"))
    assert rows[0] == ["Name", "Orders"]


def test_ticks_are_carried_over_pages(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "PAGE", 5)
    first = school.get("/people?sort=display_name").text
    second = press(school, first, "next", ["p1", "p2"])
    assert second.status_code == 200
    assert ticked(second.text) == []
    assert "Selected: 2<" in second.text
    back = press(school, second.text, "first", ["p6"])
    assert sorted(ticked(back.text)) == ["p1", "p2"]
    assert audience(school, press(school, back.text, "reach", ["p2"])) == ["p2", "p6"]


def test_a_page_and_all_are_ticked_and_a_few_unticked(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "PAGE", 5)
    first = school.get("/people?sort=display_name").text
    page = press(school, first, "page", []).text
    assert len(ticked(page)) == 5
    everybody = press(school, page, "all").text
    assert f"Selected: {PEOPLE}<" in everybody
    left = [one for one in ticked(everybody) if one != "p1"]
    second = press(school, everybody, "next", left).text
    assert len(ticked(second)) == 5
    assert f"Selected: {PEOPLE - 1}<" in second
    without = [one for one in ticked(second) if one != "p6"]
    answer = press(school, second, "reach", without)
    assert sorted(audience(school, answer)) == sorted(f"p{n}" for n in range(PEOPLE) if n not in (1, 6))
    page = press(school, second, "none").headers["Location"]
    assert "carried" not in page


@on_sqlite
def test_without_ticks_pages_have_addresses(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "PAGE", 5)
    seen: list[str] = []
    page = school.get("/people?sort=display_name").text
    while True:
        seen += names(page)
        if "next" not in posted(page, CHOSEN):
            break
        answer = press(school, page, "next")
        assert answer.status_code == 302
        page = school.client.get(answer.location).text
    assert len(set(seen)) == len(seen) == PEOPLE


@on_sqlite
def test_nobody_ticked_means_everybody_of_the_list(school: School) -> None:
    page = school.get("/people", query_string={**query(BUYERS), "channel": "email", "days": "3"}).text
    answer = press(school, page, "reach")
    assert len(audience(school, answer)) == 6
    draft = queries.get(school.crm, 1)
    assert (draft.channel, draft.policy["leave_out_days"]) == ("email", 3)


@on_sqlite
def test_a_forged_form_is_refused(school: School) -> None:
    page = school.get("/people").text
    for wrong in ({"carried": "{"}, {"shown": "[1]"}, {"tree": "{"}, {"do": "drop"}):
        assert school.post("/people/selected", {**posted(page, CHOSEN).to_dict(), **wrong}).status_code == 400


def test_an_export_has_the_chosen_people_and_columns(school: School) -> None:
    page = school.get("/people", query_string=query(BUYERS)).text
    rows = table(press(school, page, "csv", ["p2", "p4"]))
    assert rows[0] == ["Name", "Telephone", "E-mail", "Registered", "Last active", "Orders", "Spent"]
    assert [row[0] for row in rows[1:]] == ["Person 02", "Person 04"]
    assert rows[1][1] == "13800130002"
    assert Decimal(rows[1][6]) == 99
    assert audited(school, "people.export") == [("admin", 2)]


@on_sqlite
def test_an_export_speaks_the_readers_language(school: School) -> None:
    school.sign_in(locale="zh")
    assert table(press(school, school.get("/people").text, "csv"))[0][0] == "姓名"


@on_sqlite
def test_an_xlsx_has_texts_and_no_formulas(school: School) -> None:
    school.host.put(r.Person("evil", display_name='=HYPERLINK("https://x.example")', email="e@example.com"))
    sync(school.crm, full=True)
    page = school.get("/people").text
    answer = press(school, page, "xlsx", ["evil"])
    book = zipfile.ZipFile(io.BytesIO(body(answer)))
    sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "HYPERLINK" in sheet
    assert "<f>" not in sheet
    assert "hyperlink " not in sheet
    assert table(press(school, page, "csv", ["evil"]))[1][0] == '\'=HYPERLINK("https://x.example")'


@on_sqlite
def test_an_export_needs_its_permission_and_contacts_theirs(school: School) -> None:
    page = school.get("/people").text
    school.sign_in("crm.view", "crm.contacts")
    assert press(school, page, "csv").status_code == 403
    assert school.get("/people/exports").status_code == 403
    assert "Export CSV" not in school.get("/people").text
    school.sign_in("crm.view", "crm.export")
    answer = press(school, page, "csv")
    assert table(answer)[0] == ["Name", "Registered", "Last active", "Orders"]
    assert "13800130" not in answer.text
    assert "example.com" not in answer.text


@pytest.fixture
def large(school: School, monkeypatch: pytest.MonkeyPatch) -> School:
    """A school in which every list is too large to be exported at once."""
    monkeypatch.setattr(exports, "AT_ONCE", 3)
    monkeypatch.setattr(exports, "PORTION", 5)
    return school


def address(school: School) -> str:
    """Where the newest export of the reader can be fetched."""
    with school.crm.db.read() as session:
        return f"/people/exports/{session.scalar(sa.select(sa.func.max(Export.id)))}"


def make(school: School) -> None:
    install(school.crm)
    jobs.make_exports()


@pytest.mark.parametrize("format", ["csv", "xlsx"])
def test_a_large_export_is_written_by_a_worker(large: School, format: str) -> None:
    answer = press(large, large.get("/people").text, format)
    assert answer.location.endswith("/people/exports")
    assert "Waiting" in large.get("/people/exports").text
    assert large.get(address(large)).status_code == 404
    make(large)
    assert "Ready" in large.get("/people/exports/progress").text
    data = body(large.get(address(large)))
    assert data[:2] == (b"PK" if format == "xlsx" else b"\xef\xbb")
    if format == "csv":
        assert data.count(b"\r\n") == PEOPLE + 1
    assert audited(large, "people.export") == audited(large, "people.download") == [("admin", PEOPLE)]


@on_sqlite
def test_only_its_author_fetches_an_export_and_only_with_the_same_rights(large: School) -> None:
    large.sign_in()
    press(large, large.get("/people").text, "csv")
    make(large)
    large.host.actor = r.Actor("bob", "Bob", ALL)
    assert large.get(address(large)).status_code == 404
    assert "Ready" not in large.get("/people/exports").text
    large.sign_in("crm.view", "crm.export")
    assert large.get(address(large)).status_code == 403
    large.sign_in(scope=frozenset({"c1"}))
    assert large.get(address(large)).status_code == 403


@on_sqlite
def test_a_killed_export_is_begun_anew_and_an_old_one_removed(large: School) -> None:
    press(large, large.get("/people").text, "csv")
    with large.crm.db.begin() as session:
        beat = {"state": "running", "token": "dead", "beat_at": NOW}
        session.execute(sa.update(Export).values(**beat))
    make(large)
    assert "Being written" in large.get("/people/exports").text
    clock = large.crm.clock
    assert isinstance(clock, FixedClock)
    clock.at = NOW + bulk_jobs.SILENT + timedelta(seconds=1)
    make(large)
    folder = Path(large.crm.settings.instance) / "exports"
    assert len(list(folder.iterdir())) == 1
    assert (folder.stat().st_mode & 0o777, next(folder.iterdir()).stat().st_mode & 0o777) == (0o700, 0o600)
    clock.at = NOW + bulk_jobs.KEPT + timedelta(hours=1)
    was = address(large)
    jobs.remove_exports()
    assert list(folder.iterdir()) == []
    assert large.get(was).status_code == 404


@on_sqlite
def test_an_export_whose_search_broke_says_so(large: School) -> None:
    press(large, large.get("/people").text, "csv")
    with large.crm.db.begin() as session:
        session.execute(sa.update(Export).values(document={"combinator": "and"}))
    make(large)
    page = large.get("/people/exports").text
    assert "Failed" in page
    assert "The conditions are no longer valid" in page
    assert not (Path(large.crm.settings.instance) / "exports").exists()


def test_who_is_limited_to_courses_reaches_and_exports_nobody_else(large: School) -> None:
    """People without an even number have nothing to do with the course."""
    whole = large.get("/people").text
    large.sign_in(scope=frozenset({"c1"}))
    page = large.get("/people?channel=sms&days=7").text
    assert re.findall(r"c-funnel__count[^>]*>(\d+)<", page) == ["6"] * 5
    step = large.get("/people?channel=sms&days=7&step=reached").text
    assert [name for name in names(step) if name == "Person 01"] == []
    assert len(names(step)) == 6
    # A form made by somebody else, with people outside, gives only those inside.
    answer = press(large, whole, "csv", ["p1", "p2", "p3"])
    assert [row[0] for row in table(answer)] == ["Name", "Person 02"]
    press(large, whole, "all")
    press(large, whole, "csv")
    make(large)
    rows = table(large.get(address(large)))
    assert len(rows) == 7
    assert "Person 01" not in {row[0] for row in rows}
    # The draft that is made of a foreign selection counts nobody outside.
    draft = press(large, whole, "reach", ["p1", "p3"])
    ident = int(re.findall(r"/campaigns/(\d+)/audience", draft.location)[0])
    assert preflight(large.crm, ident).reach.considered == 0
