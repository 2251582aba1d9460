"""A process of pages knows the school by what a worker stored, and never asks it."""

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from crm_plugin.host import gateway
from crm_plugin.host import records as r
from crm_plugin.host.gateway import Gateway
from crm_plugin.kernel.db.engine import Database
from crm_plugin.plugin import run_daily
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.store import host_info_cache
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments import service
from tests.fakes.clock import FixedClock
from tests.fakes.crm import NOW, make_crm
from tests.fakes.host import FakeHost, host_info


def test_pages_take_the_facts_that_a_worker_stored(database: Database) -> None:
    sync(make_crm(database, FakeHost(info=host_info(timezone="Asia/Tokyo", currency="JPY"))))
    host = FakeHost()
    host.hang("host_info", 60)
    page = make_crm(database, host)
    page.host.remember(partial(host_info_cache.stored, page))
    assert (page.host.info.timezone, page.host.info.currency) == ("Asia/Tokyo", "JPY")
    assert page.host.knows("persons", "email")
    assert service.count(page, {"combinator": "and", "rules": []}).count == 0
    assert host.called("host_info") == 0
    host.heal()


def test_before_a_worker_has_read_the_school_pages_do_without(database: Database) -> None:
    host = FakeHost()
    page = make_crm(database, host)
    page.host.remember(partial(host_info_cache.stored, page))
    assert host_info_cache.host_info(page) is None
    assert host.called("host_info") == 0
    page.host = Gateway(host, clock=page.clock)
    assert host_info_cache.host_info(page) is not None


def test_the_school_has_one_zone_and_one_currency(database: Database) -> None:
    host = FakeHost(info=host_info(timezone="Asia/Tokyo", currency="JPY"))
    crm = make_crm(database, host, host_timezone="Europe/London", host_currency="GBP")
    assert host_info_cache.school_zone(crm).key == "Asia/Tokyo"
    assert host_info_cache.own_currency(crm) == "JPY"
    crm.clock = FixedClock(datetime(2026, 11, 15, 16, 0, tzinfo=UTC))
    assert host_info_cache.school_today(crm) == date(2026, 11, 16)
    assert service.present(crm).currency == service.catalogue(crm).currency == "JPY"
    assert service.present(crm).zone == service.catalogue(crm).zone == ZoneInfo("Asia/Tokyo")


def test_without_a_word_of_the_school_the_settings_count(database: Database) -> None:
    settings: dict[str, Any] = {"host_timezone": "Europe/London", "host_currency": "GBP"}
    told_none = make_crm(database, FakeHost(info=host_info(currency=None)), **settings)
    assert host_info_cache.own_currency(told_none) == "GBP"
    host = FakeHost()
    host.fail("host_info")
    silent = make_crm(database, host, **settings)
    assert host_info_cache.school_zone(silent).key == "Europe/London"
    assert host_info_cache.own_currency(silent) == "GBP"


def test_totals_are_summed_in_the_currency_that_they_are_shown_in(database: Database) -> None:
    orders = [order("o1", "JPY", 500), order("o2", "GBP", 7)]
    host = FakeHost(r.Person("p1"), r.Course("c1", "Piano"), *orders, info=host_info(currency="JPY"))
    crm = make_crm(database, host, host_currency="GBP")
    sync(crm, full=True)
    with crm.db.read() as session:
        assert session.scalar(sa.select(Person.paid_total)) == 500
    assert service.catalogue(crm).currency == "JPY"


def order(ident: str, currency: str, amount: int) -> r.Order:
    lines = (r.OrderLine("course", "c1", Decimal(amount)),)
    return r.Order(ident, "p1", "paid", Decimal(amount), currency, created_at=NOW, paid_at=NOW, lines=lines)


def test_the_business_day_is_the_school_s(database: Database) -> None:
    crm = make_crm(database, FakeHost(info=host_info(timezone="Asia/Tokyo")))
    crm.clock = FixedClock(datetime(2026, 11, 15, 14, 59, tzinfo=UTC))
    first = run_daily(crm)
    assert first
    assert not run_daily(crm)
    crm.clock = FixedClock(datetime(2026, 11, 15, 15, 0, tzinfo=UTC))  # midnight in Tokyo
    assert run_daily(crm) == first


def test_stored_facts_are_read_when_they_are_needed_and_once_a_minute(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = make_crm(database, FakeHost())
    reads: list[int] = []
    answers = iter([None, host_info(currency="JPY"), None])

    def stored() -> r.HostInfo | None:
        reads.append(1)
        return next(answers)

    now = 1000.0
    monkeypatch.setattr("crm_plugin.host.gateway.time.monotonic", lambda: now)
    page.host.remember(stored)
    page.host.remember(lambda: host_info(currency="GBP"))  # each request says it; the first one counts
    assert not reads
    assert host_info_cache.host_info(page) is host_info_cache.host_info(page) is None
    assert len(reads) == 1
    now += gateway.READ_AGAIN
    assert host_info_cache.own_currency(page) == "JPY"
    now += gateway.READ_AGAIN
    assert host_info_cache.own_currency(page) == "JPY"  # tables that are away take nothing back
    assert len(reads) == 3
