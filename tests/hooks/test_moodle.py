"""The Moodle adapter against a real site's data: every figure as the site's own answers have it."""

import hashlib
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.hooks.moodle import Moodle, host
from crm_plugin.host import records as r
from crm_plugin.host.gateway import Gateway
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.settings import Settings
from crm_plugin.profiles.store.phone_numbers import phone_key
from tests.conftest import absent
from tests.hooks.moodle_site import load, settings
from tests.servers.databases import empty_database
from tests.servers.run import Unavailable

AS_OF = datetime(2026, 11, 15, tzinfo=UTC)
Books = dict[str, list[Any]]


class Sites:
    """One loaded data set per kind of database, read once."""

    def __init__(self, source: Path, folder: Path, ends: ExitStack) -> None:
        self.source, self.folder, self.ends = source, folder, ends
        self.made: dict[str, tuple[str, Books]] = {}

    def of(self, kind: str) -> tuple[str, Books]:
        """URL of the database, and all its records."""
        if kind not in self.made:
            url = self.ends.enter_context(empty_database(kind, self.folder))
            load(self.source, url)
            self.made[kind] = url, read(url)
        return self.made[kind]


@pytest.fixture(scope="module")
def sites(moodle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    with ExitStack() as ends:
        yield Sites(moodle_folder, tmp_path_factory.mktemp("moodle"), ends)


@pytest.fixture
def url(sites: Sites, db_kind: str) -> str:
    try:
        return sites.of(db_kind)[0]
    except Unavailable as reason:
        absent(str(reason))


@pytest.fixture
def books(sites: Sites, db_kind: str, url: str) -> Books:
    return sites.of(db_kind)[1]


@pytest.fixture(scope="module")
def answers(moodle_folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((moodle_folder / "answers.json").read_text())
    return found


@contextmanager
def opened(url: str) -> Iterator[Moodle]:
    """The adapter on that database, closed at the end."""
    with closing(host(settings(url))) as site:
        yield site


def read(url: str) -> Books:
    with opened(url) as site:
        return _read(Gateway(site))


def _read(gateway: Gateway) -> Books:
    books: Books = {}
    for stream in gateway.info.streams:
        rows: list[Any] = []
        after: str | None = None
        while True:
            page = gateway.scan(stream, after, 1000)
            assert page.bad == []
            rows += page.rows
            if page.next is None:
                break
            after = page.next
        books[stream] = rows
    return books


def _active(seat: r.Enrolment) -> bool:
    begun = seat.starts_at is None or seat.starts_at <= AS_OF
    return seat.state == "active" and begun and (seat.expires_at is None or seat.expires_at > AS_OF)


def _people(books: Books) -> list[r.Person]:
    return [person for person in books["persons"] if person.status != "erased"]


def _reachable(books: Books) -> dict[str, r.Person]:
    return {person.id: person for person in books["persons"] if person.status == "active"}


def _registered_lately(books: Books) -> Iterable[str]:
    since = AS_OF - timedelta(days=30)
    return (p.id for p in _people(books) if p.registered_at and since <= p.registered_at < AS_OF)


def _dormant(books: Books) -> Iterable[str]:
    until = AS_OF - timedelta(days=60)
    people = _reachable(books).values()
    return (p.id for p in people if p.last_active_at and p.last_active_at < until)


def _never_came(books: Books) -> Iterable[str]:
    until = AS_OF - timedelta(days=14)
    people = _reachable(books).values()
    return (p.id for p in people if not p.last_active_at and p.registered_at and p.registered_at < until)


def _learns_python(books: Books) -> Iterable[str]:
    tagged = {course.id for course in books["courses"] if "python" in course.tags}
    people = _reachable(books)
    seats = (seat for seat in books["enrolments"] if _active(seat) and seat.course_id in tagged)
    return (seat.person_id for seat in seats if seat.person_id in people)


def _runs_out(books: Books) -> Iterable[str]:
    until, people = AS_OF + timedelta(days=14), _reachable(books)
    seats = (seat for seat in books["enrolments"] if _active(seat) and seat.expires_at)
    return (seat.person_id for seat in seats if seat.expires_at <= until and seat.person_id in people)


def _bought_twice(books: Books) -> Iterable[str]:
    since, people = AS_OF - timedelta(days=180), _reachable(books)
    recent = Counter(order.person_id for order in books["orders"] if since <= order.paid_at < AS_OF)
    return (id for id, number in recent.items() if number >= 2 and id in people)


QUESTIONS = {
    "S01": _registered_lately,
    "S02": _dormant,
    "S03": _never_came,
    "S04": _learns_python,
    "S05": _runs_out,
    "S06": _bought_twice,
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_has_the_sites_own_answer(books: Books, answers: dict[str, Any], question: str) -> None:
    expected = next(one for one in answers["segments"] if one["id"] == question)
    ids = sorted(map(int, set(QUESTIONS[question](books))))
    digest = hashlib.md5(",".join(map(str, ids)).encode(), usedforsecurity=False).hexdigest()
    assert (len(ids), digest) == (expected["count"], expected["md5"])


def test_the_sites_figures(books: Books, answers: dict[str, Any]) -> None:
    expected = {one["id"]: (one["count"], one["sum"]) for one in answers["aggregates"]}
    people = _people(books)
    keys = {phone_key(person.phone, "GB") for person in people if person.phone} - {None}
    money: dict[str, list[Decimal]] = defaultdict(list)
    for order in books["orders"]:
        money[order.currency].append(order.amount)
    assert len(people) == expected["A01"][0]
    assert len(keys) == expected["A02"][0]
    for currency, amounts in money.items():
        assert (len(amounts), f"{sum(amounts):.2f}") == expected[f"A03:{currency}"]


def test_ids_are_unique_and_what_they_name_exists(books: Books) -> None:
    ids = {stream: [row.id for row in rows] for stream, rows in books.items()}
    assert {stream: len(set(found)) for stream, found in ids.items()} == {
        stream: len(found) for stream, found in ids.items()
    }
    people, courses = set(ids["persons"]), set(ids["courses"])
    for row in [*books["enrolments"], *books["signals"]]:
        assert row.person_id in people
        assert row.course_id in courses
    for order in books["orders"]:
        assert order.person_id is None or order.person_id in people
        assert {line.item_id for line in order.lines} <= courses


def test_people_are_told_apart(books: Books) -> None:
    people = {person.id: person for person in books["persons"]}
    assert "1" not in people, "the guest account is no person"
    assert people["2"].roles == ("admin",)
    assert {person.roles for id, person in people.items() if id != "2"} == {("learner",)}
    erased = [person for person in people.values() if person.status == "erased"]
    assert len(erased) == 19
    assert erased[0] == r.Person(erased[0].id, "erased"), "nothing of an erased person is handed over"
    assert people["3"].display_name == "Given0 Family0"
    assert "zh-CN" in {person.locale for person in people.values()}


def test_both_consents_are_yes_no_or_unknown(books: Books) -> None:
    found = Counter(
        (consent.channel, consent.granted) for person in books["persons"] for consent in person.consents
    )
    assert set(found) == {(channel, granted) for channel in ("sms", "email") for granted in (True, False)}
    assert all(0 < number < len(_people(books)) for number in found.values())
    assert "marketing_sms" not in set().union(*(person.attributes for person in books["persons"]))
    emails = [person.attributes.get("marketing_email") for person in _people(books)]
    assert set(emails) == {True, False, None}


def test_classes_and_courses(books: Books) -> None:
    courses = {course.id: course for course in books["courses"]}
    assert "1" not in courses, "the front page is no course"
    assert sum(course.kind == "class" for course in courses.values()) == 5
    assert courses["cohort:1"].title == "Class of 1"
    assert courses["2"].category == ["Category 1"]
    priced = [course for course in courses.values() if course.price]
    assert len(priced) == 15
    assert {course.currency for course in priced} == {"GBP", "EUR"}


def test_facts_of_the_site(url: str) -> None:
    with opened(url) as site:
        info = Gateway(site).info
    assert info.site_name == "Acceptance School"
    assert (info.region, info.timezone, info.currency) == ("GB", "Europe/London", "GBP")
    assert {"attributes.marketing_email", "attributes.lead_source"} <= set(info.fields["persons"])
    assert "attributes.marketing_sms" not in info.fields["persons"]


def test_addresses_of_the_site() -> None:
    site = host(settings("sqlite:///nowhere.db"))
    assert site.host_url("course", "5") == "https://moodle.example/course/view.php?id=5"
    assert site.host_url("class", "cohort:5") == "https://moodle.example/cohort/edit.php?id=5"
    assert site.host_url("order", "5") is None
    assert Moodle(Settings(host_url="sqlite:///nowhere.db")).host_url("login", "") is None


def test_the_adapter_cannot_write_with_any_account(url: str) -> None:
    for statement in ("UPDATE mdl_course SET fullname = 'x'", "CREATE TABLE mdl_mine (id INTEGER)"):
        with (
            opened(url) as site,
            site.engine.connect() as connection,
            pytest.raises(sa.exc.DBAPIError, match=r"(?i)read.?only"),
        ):
            connection.execute(sa.text(statement))


_READER = {
    "postgresql": (
        "CREATE ROLE {name} LOGIN PASSWORD 'reader'",
        "GRANT USAGE ON SCHEMA public TO {name}",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}",
    ),
    "mariadb": (
        "CREATE USER '{name}'@'%' IDENTIFIED BY 'reader'",
        "GRANT SELECT ON {database}.* TO '{name}'@'%'",
    ),
}
_GONE = {"postgresql": ("DROP OWNED BY {name}", "DROP ROLE {name}"), "mariadb": ("DROP USER '{name}'@'%'",)}


@pytest.mark.parametrize("db_kind", ["postgresql", "mariadb"], indirect=True)
def test_an_account_that_may_only_select_is_enough(db_kind: str, url: str, books: Books) -> None:
    owner = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    name = f"reader_{time.monotonic_ns()}"
    words = {"name": name, "database": owner.url.database}
    try:
        with owner.connect() as connection:
            for statement in _READER[db_kind]:
                connection.execute(sa.text(statement.format(**words)))
        reader = owner.url.set(username=name, password="reader").render_as_string(hide_password=False)
        engine = sa.create_engine(reader, poolclass=sa.NullPool)
        with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError):
            connection.execute(sa.text("DELETE FROM mdl_user"))
        with opened(reader) as site:
            assert len(site.host_scan("orders", None, 1000).rows) == len(books["orders"])
    finally:
        with owner.connect() as connection:
            for statement in _GONE[db_kind]:
                connection.execute(sa.text(statement.format(**words)))
        owner.dispose()


def test_without_a_database_there_is_no_site() -> None:
    with pytest.raises(BadInput, match="CRM_HOST_URL"):
        host(Settings())
