"""Looking whether links answer: what is good, what is broken, what must not be asked at all."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.network.public_fetch import Fetched, NotAsked, NotFetched
from crm_plugin.links import draft_link_check, jobs
from tests.fakes.crm import NOW, make_crm
from tests.fakes.web import page, pages

on_sqlite = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
HERE = "http://school.example"


def crm_of(database: Database, tmp_path: Path) -> Crm:
    return make_crm(database, None, public_url=HERE, instance=str(tmp_path))


def looked(crm: Crm, url: str) -> draft_link_check.Found:
    draft_link_check.ask(crm, [url])
    assert draft_link_check.look(crm) == 1
    return draft_link_check.known(crm, [url])[url]


def test_an_answer_is_kept_for_an_hour_and_asked_for_once(database: Database, tmp_path: Path) -> None:
    crm, url = crm_of(database, tmp_path), f"{HERE}/course/1"
    assert draft_link_check.known(crm, [url]) == {}
    draft_link_check.ask(crm, [url])
    draft_link_check.ask(crm, [url])
    with pages({url: page()}) as asked:
        assert jobs.burst(crm)
        assert not jobs.burst(crm)
    assert asked == [url]
    assert draft_link_check.known(crm, [url])[url] == draft_link_check.Found(url, True, "200", NOW)
    crm.clock.move(hours=1)  # type: ignore[attr-defined]
    assert draft_link_check.known(crm, [url]) == {}


@on_sqlite
@pytest.mark.parametrize(
    ("status", "good"), [(200, True), (403, True), (405, True), (404, False), (410, False), (500, False)]
)
def test_what_counts_as_broken(database: Database, tmp_path: Path, status: int, good: bool) -> None:
    url = f"{HERE}/x"
    with pages({url: page(status)}):
        found = looked(crm_of(database, tmp_path), url)
    assert (found.good, found.reason) == (good, str(status))


@on_sqlite
def test_redirects_are_followed_to_their_end(database: Database, tmp_path: Path) -> None:
    crm = crm_of(database, tmp_path)
    web: dict[str, Fetched | NotFetched] = {
        f"{HERE}/old": page(302, location="/gone"),
        f"{HERE}/gone": page(404),
        f"{HERE}/loop": page(302, location="/loop"),
        f"{HERE}/odd": page(302, location="http://[bad"),
        f"{HERE}/down": NotFetched("connection"),
        f"{HERE}:8080/": NotAsked("port"),
    }
    with pages(web):
        assert looked(crm, f"{HERE}/old").reason == "404"
        assert looked(crm, f"{HERE}/loop").words == "too many redirects"
        assert looked(crm, f"{HERE}/odd").words == "it redirects to what is no web address"
        assert looked(crm, f"{HERE}/down").words == "no connection"
        assert looked(crm, f"{HERE}:8080/").unchecked


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
