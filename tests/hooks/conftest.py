"""Fixtures of tests about Moodle: a small site that each test changes, and the adapter on it."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from crm_plugin.hooks.moodle import host
from crm_plugin.host.gateway import Gateway
from tests.hooks.moodle_site import SmallSite, settings


@pytest.fixture
def small(moodle_folder: Path, db_url: str) -> Iterator[SmallSite]:
    site = SmallSite(moodle_folder, db_url)
    long_ago = int(time.time()) - 100_000
    site.add("course", id=1, category=0, fullname="Small School")
    site.add("course_categories", id=1, name="IT", path="/1")
    for id in (5, 6):
        site.add("course", id=id, category=1, fullname=f"C{id}", visible=1, timemodified=long_ago)
        site.add("enrol", id=id * 10, enrol="fee", courseid=id, cost="5", currency="GBP")
    for id, username in ((1, "guest"), (2, "admin"), (3, "ann"), (4, "bob")):
        site.add("user", id=id, username=username, confirmed=1, timemodified=long_ago)
    site.add("user_enrolments", id=7, enrolid=50, userid=3, timemodified=long_ago)
    site.add("cohort", id=9, name="Evening", visible=1, timemodified=long_ago)
    yield site
    site.engine.dispose()


@pytest.fixture
def gateway(small: SmallSite, db_url: str) -> Iterator[Gateway]:
    with closing(host(settings(db_url))) as site:
        yield Gateway(site)
