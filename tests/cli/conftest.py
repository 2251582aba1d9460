"""A small school with the CRM beside it, on SQLite, for tests of commands that change nothing in it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from crm_plugin.demo.generate import LEAST_PEOPLE, fill
from tests.road import Road

FACTS = {
    "host_region": "CN",
    "host_timezone": "Asia/Shanghai",
    "host_currency": "CNY",
    "consent_unknown": "send",
}


def school_in(folder: Path, people: int = LEAST_PEOPLE) -> str:
    """Fill a school's database; returns its URL."""
    url = f"sqlite:///{folder / 'school.db'}"
    engine = create_engine(url)
    fill(engine, people, seed=7)
    engine.dispose()
    return url


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Road:
    """Commands of a CRM that has read its school."""
    folder = tmp_path_factory.mktemp("road")
    road = Road(folder, "demo_school", school_in(folder), f"sqlite:///{folder / 'crm.db'}", **FACTS)
    road.crm("init", "--no-progress")
    return road


@pytest.fixture
def beside(tmp_path: Path) -> Callable[..., Road]:
    """Makes a CRM beside a school of its own, not initialised, with settings that the test chooses."""

    def make(db_url: str = "", people: int = LEAST_PEOPLE, **settings: str) -> Road:
        own = db_url or f"sqlite:///{tmp_path / 'crm.db'}"
        return Road(tmp_path, "demo_school", school_in(tmp_path, people), own, **FACTS | settings)

    return make
