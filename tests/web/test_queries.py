"""Quick queries on their page: order, sharing, and searches that name something which is gone."""

import re
from dataclasses import replace
from typing import Any

import pytest

from crm_plugin.host import records as r
from crm_plugin.kernel.errors import BadInput, Conflict
from crm_plugin.profiles.staff.undo import undo
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments import queries, service
from crm_plugin.segments.saved import quick_queries
from crm_plugin.segments.stock_queries import STOCK
from tests.fakes.host import ALL
from tests.web.fixtures import School
from tests.web.test_pages import BUYERS, on_sqlite

ANN = r.Actor("ann", "Ann", ALL)
BOB = r.Actor("bob", "Bob", frozenset({"crm.view", "crm.edit", "crm.send"}))
OF_PIANO: dict[str, Any] = {
    "combinator": "and",
    "rules": [
        {
            "field": "enrolments",
            "match": {"mode": "some"},
            "value": {
                "combinator": "and",
                "rules": [{"field": "course_id", "operator": "in", "value": ["c1"]}],
            },
        }
    ],
}


def order(school: School) -> list[str]:
    return re.findall(r'<th scope="row"><a [^>]*>([^<]*)</a>', school.get("/queries").text)


def saved(school: School, ident: int) -> queries.QueryRow:
    return queries.get(school.crm, ident, ANN)


@on_sqlite
def test_stock_queries_are_named_in_the_readers_language_until_somebody_makes_them_their_own(
    school: School,
) -> None:
    zoe = replace(ANN, locale="zh")
    idents = [quick_queries.save(school.crm, ANN, one.name, one.tree) for one in STOCK]
    other = quick_queries.save(school.crm, ANN, STOCK[0].name, BUYERS)

    def names(reader: r.Actor) -> list[str]:
        return [row.name for row in queries.list_for(school.crm, reader)]

    assert names(ANN) == [*(one.name for one in STOCK), "Members"]
    assert names(zoe) == ["会员", "沉睡 60 天", "试听过但未购买", "有未支付订单", "忠实买家", "Members"]
    with school.crm.db.read() as session:
        assert queries.names(session, [idents[0], other], zoe) == {idents[0]: "会员", other: "Members"}
    quick_queries.rename(school.crm, zoe, idents[0], "我的会员")
    quick_queries.change(school.crm, zoe, idents[1], BUYERS)
    assert names(zoe)[:2] == ["我的会员", "Dormant for 60 days"]
    assert names(ANN)[:2] == ["我的会员", "Dormant for 60 days"]


@on_sqlite
def test_searches_are_moved_and_shared_on_their_page(school: School) -> None:
    school.sign_in()
    first, _second, third = (quick_queries.save(school.crm, ANN, name, BUYERS) for name in ("A", "B", "C"))
    school.post(f"/queries/{third}/move", {"to": "up"})
    assert order(school) == ["A", "C", "B"]
    school.post(f"/queries/{first}/move", {"to": "down"})
    assert order(school) == ["C", "A", "B"]
    school.post(f"/queries/{third}/move", {"to": "up"})
    assert order(school) == ["C", "A", "B"]
    school.host.actor = BOB
    assert order(school) == []
    assert school.post(f"/queries/{first}/move", {"to": "up"}).status_code == 404
    assert school.post(f"/queries/{first}/share", {"shared": "1"}).status_code == 404
    school.sign_in()
    school.post(f"/queries/{first}/share", {"shared": "1"})
    school.host.actor = BOB
    assert order(school) == ["A"]
    assert school.post(f"/queries/{first}/share", {"shared": ""}).status_code == 403
    school.sign_in()
    school.post(f"/queries/{first}/share", {"shared": ""})
    school.host.actor = BOB
    assert order(school) == []


def test_a_search_whose_course_is_gone_says_so_and_matches_nobody(school: School) -> None:
    school.sign_in()
    ident = quick_queries.save(school.crm, ANN, "Pianists", OF_PIANO)
    quick_queries.refresh_counts(school.crm, everything=True)
    assert saved(school, ident).count == 6
    school.host.remove("courses", "c1")
    school.host.put(r.Course("c2", "Cello"))
    sync(school.crm, full=True)
    quick_queries.refresh_counts(school.crm, everything=True)
    assert saved(school, ident).count == 0
    for path in ("/queries", f"/people?query={ident}"):
        assert "the school no longer has: Piano &lt;b&gt;one&lt;/b&gt;" in school.get(path).text, path
    # As an exclusion it would let everybody through: whoever refers to it is refused.
    rule = {"field": "segment", "operator": "!=", "value": ident}
    with pytest.raises(BadInput) as caught:
        service.count(school.crm, {"combinator": "and", "rules": [rule]})
    assert caught.value.code == "segment.gone_course"
    quick_queries.change(school.crm, ANN, ident, BUYERS)
    quick_queries.refresh_counts(school.crm, everything=True)
    assert saved(school, ident).count == 6
    assert "no longer has" not in school.get("/queries").text


@on_sqlite
def test_what_was_done_to_a_search_is_undone(school: School) -> None:
    first, second = (
        quick_queries.save(school.crm, ANN, name, BUYERS, pinned=True, shared=True) for name in ("One", "Two")
    )
    for path, data in (
        ("rename", {"name": "Another"}),
        ("share", {"shared": ""}),
        ("move", {"to": "down"}),
        ("delete", {}),
    ):
        before = [(row.name, row.shared, row.pinned, row.tree) for row in queries.list_for(school.crm, ANN)]
        school.post(f"/queries/{first}/{path}", data)
        page = school.get("/queries").text
        after = [(row.name, row.shared, row.pinned, row.tree) for row in queries.list_for(school.crm, ANN)]
        assert after != before, path
        (action,) = re.findall(r'action="/admin/crm(/undo/\d+)"', page)
        assert school.post(action, {"back": "/admin/crm/queries"}).location == "/admin/crm/queries"
        again = [(row.name, row.shared, row.pinned, row.tree) for row in queries.list_for(school.crm, ANN)]
        assert again == before, path
    assert [row.id for row in queries.list_for(school.crm, ANN)] == [first, second]


@on_sqlite
def test_a_changed_search_goes_back_to_what_it_asked(school: School) -> None:
    ident = quick_queries.save(school.crm, ANN, "One", BUYERS)
    quick_queries.refresh_counts(school.crm)
    undo_id = quick_queries.change(school.crm, ANN, ident, {"combinator": "and", "rules": []})
    undo(school.crm, ANN, undo_id)
    assert saved(school, ident).tree == BUYERS
    assert saved(school, ident).count is None
    again = quick_queries.change(school.crm, ANN, ident, {"combinator": "and", "rules": []})
    quick_queries.delete(school.crm, ANN, ident)
    with pytest.raises(Conflict):
        undo(school.crm, ANN, again)
