"""Hosts for the kit to look at: one that keeps the contract, and each of the others breaks one rule."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from crm_plugin.host import records as r
from crm_plugin.host.hookspecs import hookimpl
from tests.fakes.host import FakeHost, host_info

AT = datetime(2026, 1, 2, tzinfo=UTC)
SIMPLE_FIELDS = {
    "persons": ("id", "status", "display_name", "attributes.source"),
    "courses": ("id", "title", "kind"),
    "enrolments": ("id", "person_id", "course_id", "state"),
    "orders": ("id", "person_id", "state", "amount", "currency", "lines"),
    "signals": ("id", "person_id", "kind", "course_id", "at"),
}


def good(cls: type[FakeHost] = FakeHost, **facts: Any) -> FakeHost:
    """A small school that keeps the contract; ``facts`` replace those of its HostInfo."""
    host = cls(
        *(r.Person(f"p{n}", display_name=f"P{n}", attributes={"source": "fair"}) for n in range(20)),
        *(r.Course(f"c{n}", f"C{n}") for n in range(3)),
        *(r.Enrolment(f"e{n}", f"p{n}", "c1") for n in range(20)),
        r.Order("o1", "p1", "paid", Decimal(5), "CNY", lines=(r.OrderLine("course", "c1", Decimal(5)),)),
        r.Signal("s1", "p1", "view", AT, "c1"),
        info=host_info(**{"fields": SIMPLE_FIELDS} | facts),
    )
    host.actor = None
    return host


def a_bad_row() -> FakeHost:
    """A time without a zone."""
    host = good()
    host.put(r.Person("px", registered_at=datetime(2026, 1, 2)))
    return host


def a_dangling_reference() -> FakeHost:
    """An enrolment of nobody."""
    host = good()
    host.put(r.Enrolment("ex", "nobody", "c1"))
    return host


def an_empty_field() -> FakeHost:
    """Lists a field that has no value anywhere."""
    fields = SIMPLE_FIELDS | {"persons": (*SIMPLE_FIELDS["persons"], "gender")}
    return good(fields=fields)


def undated_ends() -> FakeHost:
    """Ends enrolments by itself when their time is up, and turns two dates round."""
    host = good()
    host.put(r.Enrolment("x1", "p1", "c2", state="ended", end_kind="expired"))
    host.put(r.Enrolment("x2", "p2", "c2", starts_at=AT, expires_at=datetime(2026, 1, 1, tzinfo=UTC)))
    return host


def a_wrong_zone() -> FakeHost:
    """Facts with a zone that there is not."""
    return good(timezone="Moon/Crater")


def a_claim_without_hook() -> object:
    """Claims messages, and answers no hook for them."""
    host = good(capabilities=("message",), fields=SIMPLE_FIELDS, streams=r.STREAMS)

    class Mute:
        host_info = host.host_info
        host_scan = host.host_scan
        host_fetch = host.host_fetch
        host_current_actor = host.host_current_actor
        host_url = host.host_url

    return Mute()


def an_admin_for_everybody() -> FakeHost:
    """Takes a request without any cookie for the administrator's."""
    host = good()
    host.actor = r.Actor("admin", "Admin", frozenset({"crm.admin"}))
    return host


class Repeating(FakeHost):
    """Begins each page with the row that the one before ended with."""

    @hookimpl
    def host_scan(self, stream: str, after: str | None, limit: int) -> r.ScanPage:
        page = super().host_scan(stream, after, limit)
        repeated = [self.books[stream][after]] if after else []
        return r.ScanPage((repeated + page.rows)[:limit] if limit > 1 else page.rows, page.next)


class Twice(FakeHost):
    """Has one person on two pages."""

    @hookimpl
    def host_scan(self, stream: str, after: str | None, limit: int) -> r.ScanPage:
        if after == "again":
            return r.ScanPage([self.books[stream][min(self.books[stream])]], None)
        page = super().host_scan(stream, after, limit)
        return r.ScanPage(page.rows, page.next or "again")


class Forgetful(FakeHost):
    """Fetches other rows than it scans."""

    @hookimpl
    def host_fetch(self, stream: str, ids: list[str]) -> r.FetchPage:
        page = super().host_fetch(stream, ids)
        rows = [r.Person(row.id) if stream == "persons" else row for row in page.rows]
        return r.FetchPage(rows, page.missing)


class Strict(FakeHost):
    """Raises where an id is unknown."""

    @hookimpl
    def host_fetch(self, stream: str, ids: list[str]) -> r.FetchPage:
        return r.FetchPage([self.books[stream][id] for id in ids], [])


class Endless(FakeHost):
    """Always has more changes."""

    @hookimpl
    def host_changes(self, stream: str, mark: str, limit: int) -> r.ChangePage:
        return r.ChangePage([], str(int(mark) + 1), True)


class Optimist(FakeHost):
    """Estimates twice as many rows as it has."""

    @hookimpl
    def host_estimate(self, stream: str) -> int | None:
        return 2 * len(self.books[stream]) + 10


class Fickle(FakeHost):
    """Tells other facts each time."""

    @hookimpl
    def host_info(self) -> r.HostInfo:
        self.calls.append(("host_info", ()))
        return host_info(fields=SIMPLE_FIELDS, site_name=f"School {len(self.calls)}")


class Deaf(FakeHost):
    """Raises in every scan of orders."""

    @hookimpl
    def host_scan(self, stream: str, after: str | None, limit: int) -> r.ScanPage:
        if stream == "orders":
            raise OSError("no such table")
        return super().host_scan(stream, after, limit)


def repeating() -> FakeHost:
    """See the class; and so on."""
    return good(Repeating)


def twice() -> FakeHost:
    """One person on two pages."""
    return good(Twice)


def forgetful() -> FakeHost:
    """Fetch is not scan."""
    return good(Forgetful)


def strict() -> FakeHost:
    """Unknown ids raise."""
    return good(Strict)


def endless() -> FakeHost:
    """Changes without end."""
    return good(Endless)


def optimist() -> FakeHost:
    """An estimate far off."""
    return good(Optimist)


def fickle() -> FakeHost:
    """Facts that change."""
    return good(Fickle)


def deaf() -> FakeHost:
    """A stream that fails."""
    return good(Deaf)
