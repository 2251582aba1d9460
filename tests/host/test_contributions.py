"""Two applications in one process: what one brings, the other does not have, and no table is shared."""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

import crm_plugin
from crm_plugin.host import records as r
from crm_plugin.host.context import Crm, current, install, installed
from crm_plugin.host.contributions import Capability
from crm_plugin.host.jobs import Jobs
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.i18n import Text
from crm_plugin.kernel.registry import Registry
from crm_plugin.kernel.settings import Settings
from crm_plugin.plugin import CAPABILITIES, mount, open_crm, periodic_jobs, prepare
from crm_plugin.profiles.extension import Moment, PersonExtension
from crm_plugin.profiles.people.access import id_of
from crm_plugin.profiles.privacy import requests
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments import service
from crm_plugin.segments.extension import FilterExtension
from crm_plugin.segments.language.definitions import make_field
from crm_plugin.segments.language.sources import Column
from crm_plugin.segments.language.value_types import NUMBER
from crm_plugin.web.api.route import Endpoints, Given
from crm_plugin.web.shell.extension import WebExtension
from crm_plugin.web.shell.guard import Routes
from crm_plugin.web.shell.menu_entry import Entry
from tests.fakes.crm import NOW
from tests.fakes.host import FakeHost
from tests.web.fixtures import books

ADMIN = r.Actor("ann", "Ann", frozenset(r.PERMISSIONS))
RANK = {"combinator": "and", "rules": [{"field": "badge_rank", "operator": "=", "value": 1}]}
PAGES, API = Routes(), Endpoints()


@PAGES.page("/badges")
def badges() -> str:
    return "all badges"


@API.endpoint("GET", "/badges")
def api_badges(_given: Given) -> None:
    """List badges."""


def card() -> str:
    return "<p>Badges!</p>"


BADGES = Capability(
    "badges",
    (
        Jobs((("badges.polish", 7),)),
        PersonExtension(
            timeline={"badges": lambda _session, _person, _window: [Moment(NOW, "badge", "Gold")]},
            export={"badges": lambda _session, _person: [{"name": "Gold"}]},
        ),
        FilterExtension(fields=(make_field("badge_rank", Text("People"), NUMBER, Column("member_rank")),)),
        WebExtension(
            (PAGES, API), (Entry("badges", Text("People"), "badges", "/badges"),), (lambda: "<p>Badges!</p>",)
        ),
    ),
)


def opened(folder: Path, *more: Capability) -> tuple[Crm, FlaskClient]:
    host = FakeHost(*books())
    host.actor = ADMIN
    settings = Settings(instance=str(folder), secret_key="s" * 40, host_region="CN")
    crm = open_crm(settings, host=host, capabilities=(*CAPABILITIES, *more))
    prepare(crm)
    sync(crm, full=True)
    app = Flask("school")
    app.config.update(SECRET_KEY="a key of the school", TESTING=True)
    mount(app, crm)
    return crm, app.test_client()


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[tuple[Crm, FlaskClient], tuple[Crm, FlaskClient]]]:
    with_badges, without = opened(tmp_path / "one", BADGES), opened(tmp_path / "other")
    yield with_badges, without
    with_badges[0].close()
    without[0].close()


def known(crm: Crm, client: FlaskClient) -> dict[str, Any]:
    """Return where the application knows badges."""
    with crm.db.read() as session:
        person = id_of(session, ADMIN, "p1")
    return {
        "page": client.get("/admin/crm/badges").text == "all badges",
        "operation": client.get("/admin/crm/api/v1/badges").status_code == 204,
        "document": "/api/v1/badges" in client.get("/admin/crm/api/v1/openapi.json").get_json()["paths"],
        "menu": 'href="/admin/crm/badges"' in client.get("/admin/crm/people").text,
        "card": "<p>Badges!</p>" in client.get("/admin/crm/").text,
        "timeline": "Gold" in client.get(f"/admin/crm/people/{person}").text,
        "export": requests.export(crm, person).get("badges") == [{"name": "Gold"}],
        "field": service.catalogue(crm).field("badge_rank") is not None,
        "job": ("badges.polish", 7) in periodic_jobs(crm),
    }


def test_two_applications_of_one_process_share_nothing(two: Any) -> None:
    (one, one_client), (other, other_client) = two
    assert set(known(one, one_client).values()) == {True}, known(one, one_client)
    assert set(known(other, other_client).values()) == {False}, known(other, other_client)
    assert service.count(one, RANK).count == 0
    with pytest.raises(BadInput):
        service.count(other, RANK)


class Remembered:
    """What a capability keeps for an application."""


def test_what_an_application_keeps_is_its_own(two: Any) -> None:
    (one, _), (other, _) = two
    assert one.state(Remembered) is one.state(Remembered)
    assert one.state(Remembered) is not other.state(Remembered)


def test_jobs_work_for_the_application_that_runs_them(two: Any) -> None:
    (one, _), (other, _) = two
    install(one)
    with installed(other):
        assert current() is other
    assert current() is one


KINDS = (dict, list, set, Registry)


def tables() -> dict[str, int]:
    """Return how much stands in each table that is a global of a module."""
    found: dict[str, int] = {}
    for module in pkgutil.walk_packages(crm_plugin.__path__, "crm_plugin."):
        if ".hostkit.test_" in module.name or module.name.endswith("__main__"):
            continue
        names = vars(importlib.import_module(module.name))
        sizes = {
            name: len(one) for name, one in names.items() if isinstance(one, dict | list | set | Registry)
        }
        found |= {f"{module.name}.{name}": size for name, size in sizes.items() if not name.startswith("__")}
    return found


def test_making_and_using_an_application_fills_no_table_of_the_process(tmp_path: Path) -> None:
    before = tables()
    crm, client = opened(tmp_path, BADGES)
    known(crm, client)
    crm.close()
    assert {name: size for name, size in tables().items() if before[name] != size} == {}
