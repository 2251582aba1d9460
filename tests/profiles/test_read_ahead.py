"""The page that is read in advance: once, in order, and thrown away when newer rows come in between."""

import pytest

from crm_plugin.host import records as r
from crm_plugin.kernel.errors import Unavailable
from crm_plugin.profiles.models import school as m
from crm_plugin.profiles.sync import full_scan
from crm_plugin.profiles.sync.read_ahead import Ahead
from crm_plugin.profiles.sync.service import sync
from tests.fakes.host import FakeHost
from tests.profiles.conftest import MakeCrm, count


class Book:
    """Pages that say how often they were read."""

    def __init__(self) -> None:
        self.read: list[str | None] = []

    def page(self, after: str | None) -> str:
        self.read.append(after)
        if after == "torn":
            raise Unavailable("host.none")
        return f"{after} {len(self.read)}"


def test_a_page_that_was_begun_is_read_once() -> None:
    book = Book()
    with Ahead(book.page) as pages:
        assert pages.page(None) == "None 1"
        pages.start("a")
        assert pages.page("a") == "a 2"
        assert pages.page("b") == "b 3"
    assert book.read == [None, "a", "b"]


def test_what_was_dropped_or_is_of_another_place_is_read_anew() -> None:
    book = Book()
    with Ahead(book.page) as pages:
        pages.start("a")
        pages.drop()
        assert pages.page("a") == "a 2"
        pages.start("b")
        assert pages.page("elsewhere").startswith("elsewhere")
        assert pages.page("b") == "b 5"


def test_a_failure_is_told_when_its_page_is_wanted() -> None:
    with Ahead(Book().page) as pages:
        pages.start("torn")
        assert pages.page("a").startswith("a")
        pages.start("torn")
        with pytest.raises(Unavailable):
            pages.page("torn")
        pages.start("torn")
        pages.drop()
        assert pages.page("a").startswith("a")


def test_changes_beside_every_page_of_a_scan(make_crm: MakeCrm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(full_scan, "PAGE", 2)
    monkeypatch.setattr(full_scan, "BESIDE_SECONDS", 0)
    people = [r.Person(f"p{number}", display_name="old") for number in range(9)]
    host = FakeHost(*people)
    crm = make_crm(host)
    assert sync(crm).complete
    host.put(*(r.Person(person.id, display_name="new") for person in people))
    asked = host.called("host_scan")
    assert sync(crm, full=True).complete
    assert count(crm, m.Person, m.Person.display_name == "new") == 9
    # Five pages of people, one of each other stream, and four that were read in advance in vain.
    assert host.called("host_scan") - asked == 5 + 4 + 4
