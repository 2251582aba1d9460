"""Looking whether links answer: what is good, what is broken, what must not be asked at all."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import responses

from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.links import draft_link_check, jobs
from tests.fakes.crm import NOW, make_crm

on_sqlite = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
HERE = "http://school.example"


def crm_of(database: Database, tmp_path: Path) -> Crm:
    return make_crm(database, None, public_url=HERE, instance=str(tmp_path))


def looked(crm: Crm, url: str) -> draft_link_check.Found:
    draft_link_check.ask(crm, [url])
    assert draft_link_check.look(crm) == 1
    return draft_link_check.known(crm, [url])[url]


@responses.activate
def test_an_answer_is_kept_for_an_hour_and_asked_for_once(database: Database, tmp_path: Path) -> None:
    crm, url = crm_of(database, tmp_path), f"{HERE}/course/1"
    page = responses.get(url, status=200)
    assert draft_link_check.known(crm, [url]) == {}
    draft_link_check.ask(crm, [url])
    draft_link_check.ask(crm, [url])
    assert jobs.burst(crm)
    assert not jobs.burst(crm)
    assert page.call_count == 1
    assert draft_link_check.known(crm, [url])[url] == draft_link_check.Found(url, True, "200", NOW)
    crm.clock.move(hours=1)  # type: ignore[attr-defined]
    assert draft_link_check.known(crm, [url]) == {}


@on_sqlite
@responses.activate
@pytest.mark.parametrize(
    ("status", "good"), [(200, True), (403, True), (405, True), (404, False), (410, False), (500, False)]
)
def test_what_counts_as_broken(database: Database, tmp_path: Path, status: int, good: bool) -> None:
    url = f"{HERE}/x"
    responses.get(url, status=status)
    found = looked(crm_of(database, tmp_path), url)
    assert (found.good, found.reason) == (good, str(status))


@on_sqlite
@responses.activate
def test_redirects_are_followed_to_their_end(database: Database, tmp_path: Path) -> None:
    crm = crm_of(database, tmp_path)
    responses.get(f"{HERE}/old", status=302, headers={"Location": "/gone"})
    responses.get(f"{HERE}/gone", status=404)
    responses.get(f"{HERE}/loop", status=302, headers={"Location": "/loop"})
    responses.get(f"{HERE}/down", body=requests.ConnectionError("refused"))
    assert looked(crm, f"{HERE}/old").reason == "404"
    assert looked(crm, f"{HERE}/loop").reason == "too many redirects"
    assert looked(crm, f"{HERE}/down").reason == "ConnectionError"


@on_sqlite
@responses.activate
@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.5", "169.254.169.254", "[::1]", "192.168.1.1:8080"])
def test_nobody_looks_into_the_schools_network_through_us(
    database: Database, tmp_path: Path, host: str
) -> None:
    crm = crm_of(database, tmp_path)
    secret = responses.get(f"http://{host}/secret", status=200)
    responses.get(f"{HERE}/out", status=302, headers={"Location": f"http://{host}/secret"})
    assert looked(crm, f"http://{host}/secret").reason == "private"
    assert looked(crm, f"{HERE}/out").reason == "private"
    assert secret.call_count == 0


@on_sqlite
def test_only_the_newest_answers_are_kept(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm = crm_of(database, tmp_path)

    def answer(*_: Any) -> tuple[bool, str]:
        return True, "200"

    monkeypatch.setattr(draft_link_check, "_answer", answer)
    urls = [f"{HERE}/{number}" for number in range(draft_link_check.MOST + 20)]
    for part in (urls[: draft_link_check.MOST], urls[draft_link_check.MOST :]):
        draft_link_check.ask(crm, part)
        draft_link_check.look(crm)
        crm.clock.move(seconds=1)  # type: ignore[attr-defined]
    assert len(draft_link_check.known(crm, urls)) == draft_link_check.MOST
    assert urls[-1] in draft_link_check.known(crm, urls)
    assert timedelta(hours=1) == draft_link_check.FRESH
