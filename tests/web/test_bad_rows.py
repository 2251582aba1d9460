"""What was not taken over is shown: rows that broke the contract, clicks that the disk refused."""

from unittest.mock import patch

import pytest

from crm_plugin.cli.doctor.checks import examine
from crm_plugin.host import records as r
from crm_plugin.kernel.spool import Spool
from crm_plugin.links.ingest import lost_clicks
from crm_plugin.links.jobs import burst
from crm_plugin.links.redirect import Redirector
from crm_plugin.links.service import make_links, signer
from crm_plugin.profiles.sync.service import sync
from crm_plugin.web.admin import initialisation
from tests.web.fixtures import School

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
SECRET = "+8613800139999"


@pytest.fixture
def bad(school: School) -> School:
    """A school with two rows that break the contract, one of them with a telephone in it."""
    school.host.put(r.Person("broken", status="nonsense", phone=SECRET))
    school.host.put(r.Course("c9", "T", kind="?"))
    sync(school.crm)
    return school


def test_rows_set_aside_are_on_the_page_with_their_reasons(bad: School) -> None:
    page = bad.get("/data").text
    assert "Rows set aside" in page
    assert "status: not one of" in page
    assert "broken" in page
    assert SECRET not in page
    assert "are shown" not in page
    bad.sign_in(locale="zh")
    assert "被搁置的数据" in bad.get("/data").text
    with patch.object(initialisation, "BAD_ROWS", 1):
        assert "显示 2 条中的 1 条。" in bad.get("/data").text
    bad.host.put(r.Person("broken"), r.Course("c9", "T"))
    sync(bad.crm)
    assert "被搁置的数据" not in bad.get("/data").text


def test_the_api_lists_them_by_stream(bad: School) -> None:
    found = bad.get("/api/v1/data/bad-rows?stream=persons").get_json()["items"]
    assert [(row["stream"], row["host_id"]) for row in found] == [("persons", "broken")]
    assert "not one of" in found[0]["reason"]
    assert len(bad.get("/api/v1/data/bad-rows").get_json()["items"]) == 2
    assert len(bad.get("/api/v1/data/bad-rows?limit=1").get_json()["items"]) == 1
    answer = bad.get("/api/v1/data/bad-rows?stream=persnos")
    assert (answer.status_code, answer.get_json()["place"]) == (400, "stream")


@pytest.mark.parametrize("facts", [{"scope": frozenset({"c1"})}, {"permissions": ["crm.view"]}])
def test_nobody_else_sees_them(bad: School, facts: dict[str, object]) -> None:
    bad.sign_in(*facts.pop("permissions", []), **facts)  # type: ignore[misc]
    for path in ("/data", "/data/progress", "/api/v1/data/bad-rows"):
        answer = bad.get(path)
        assert answer.status_code == 403
        assert "broken" not in answer.text


def test_the_doctor_says_where_to_look(bad: School) -> None:
    lines = {line.name: line for line in examine(bad.crm)}
    assert lines["rows of persons set aside"].detail == "1: see crm bad-rows --stream persons"
    assert "lost clicks" not in lines


def test_clicks_that_the_disk_refused_are_counted_once_and_shown(school: School) -> None:
    assert "the disk has refused none" in school.get("/health").text
    with school.crm.db.begin() as session:
        (link,) = make_links(session, None, ["https://a.example/"], school.crm.clock())
    redirector = Redirector(school.crm)
    code = signer(school.crm).code(link, 0)

    def visit() -> None:
        assert redirector.answer(code, "GET", {"user-agent": "Mozilla/5.0"}, "192.0.2.7").status == 302

    visit()
    with patch.object(Spool, "append", side_effect=OSError("the disk is full")):
        visit()
        visit()
    visit()
    visit()
    burst(school.crm)
    with school.crm.db.read() as session:
        assert lost_clicks(session) == 2
    assert "the disk refused 2" in school.get("/health").text
    assert {line.name: line.detail for line in examine(school.crm)}["lost clicks"].startswith("the disk has")
    school.sign_in(locale="zh")
    assert "磁盘拒收了 2 次点击" in school.get("/health").text
