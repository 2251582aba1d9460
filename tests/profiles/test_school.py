"""A process of pages knows the school by what a worker stored, and never asks it."""

from crm_plugin.host.gateway import Gateway
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.store import host_info_cache
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments import service
from tests.fakes.crm import make_crm
from tests.fakes.host import FakeHost, host_info


def test_pages_take_the_facts_that_a_worker_stored(database: Database) -> None:
    sync(make_crm(database, FakeHost(info=host_info(timezone="Asia/Tokyo", currency="JPY"))))
    host = FakeHost()
    host.hang("host_info", 60)
    page = make_crm(database, host)
    host_info_cache.recall(page)
    assert (page.host.info.timezone, page.host.info.currency) == ("Asia/Tokyo", "JPY")
    assert page.host.knows("persons", "email")
    assert service.count(page, {"combinator": "and", "rules": []}).count == 0
    assert host.called("host_info") == 0
    host.heal()


def test_before_a_worker_has_read_the_school_pages_do_without(database: Database) -> None:
    host = FakeHost()
    page = make_crm(database, host)
    host_info_cache.recall(page)
    assert service.host_info(page) is None
    assert host.called("host_info") == 0
    page.host = Gateway(host, clock=page.clock)
    assert service.host_info(page) is not None
