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
from crm_plugin.profiles.normalise import phone_key
from tests.conftest import absent
from tests.hooks.moodle_site import SmallSite, load, settings
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


# changes, on a small site


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
    with opened(db_url) as site:
        yield Gateway(site)


def _changed(gateway: Gateway, stream: str, change: Any) -> dict[str, Any]:
    mark = gateway.mark(stream)
    assert mark is not None
    change()
    page = gateway.changes(stream, mark, 1000)
    return {c.row.id: c.row for c in page.changes if isinstance(c, r.Upsert)}


def test_traced_changes_of_persons(small: SmallSite, gateway: Gateway) -> None:
    now = int(time.time())
    rows = _changed(gateway, "persons", lambda: small.set("user", 3, firstname="Anna", timemodified=now))
    assert rows["3"].display_name == "Anna"
    assert _changed(gateway, "persons", lambda: small.set("user", 4, lastaccess=now))["4"].last_active_at
    small.add("tag", id=1, rawname="Piano")
    interest = {"tagid": 1, "component": "core", "itemtype": "user", "itemid": 4, "timemodified": now}
    assert _changed(gateway, "persons", lambda: small.add("tag_instance", id=1, **interest))["4"].tags
    small.add("tool_policy", id=1, currentversionid=8)
    answer = {"policyversionid": 8, "userid": 3, "status": 0, "timemodified": now}
    rows = _changed(gateway, "persons", lambda: small.add("tool_policy_acceptances", id=1, **answer))
    assert [consent.granted for consent in rows["3"].consents] == [False]
    erased = _changed(gateway, "persons", lambda: small.set("user", 3, deleted=1, timemodified=now))
    assert erased["3"] == r.Person("3", "erased")


def test_traced_changes_of_enrolments(small: SmallSite, gateway: Gateway) -> None:
    now = int(time.time())
    seat = {"enrolid": 60, "userid": 4, "timemodified": now}
    assert "8" in _changed(gateway, "enrolments", lambda: small.add("user_enrolments", id=8, **seat))
    rows = _changed(gateway, "enrolments", lambda: small.set("enrol", 50, status=1, timemodified=now))
    assert rows["7"].state == "suspended"
    done = {"userid": 3, "course": 5, "timecompleted": now}
    assert _changed(gateway, "enrolments", lambda: small.add("course_completions", id=2, **done))[
        "7"
    ].completed_at
    joined = {"cohortid": 9, "userid": 4, "timeadded": now}
    rows = _changed(gateway, "enrolments", lambda: small.add("cohort_members", id=3, **joined))
    assert rows["member:3"].course_id == "cohort:9"


def test_a_completion_outlives_its_enrolment(small: SmallSite, gateway: Gateway) -> None:
    small.add("course_completions", id=2, userid=3, course=5, timecompleted=1_700_000_000)
    assert gateway.fetch("enrolments", ["completion:2"]).missing == ["completion:2"]
    small.remove("user_enrolments", 7)
    fetched = gateway.fetch("enrolments", ["completion:2", "7"])
    assert [row.state for row in fetched.rows] == ["ended"]
    assert fetched.missing == ["7"]


def test_traced_changes_of_courses_orders_and_signals(small: SmallSite, gateway: Gateway) -> None:
    now = int(time.time())
    rows = _changed(gateway, "courses", lambda: small.set("enrol", 50, cost="9.50", timemodified=now))
    assert rows["5"].price == Decimal("9.50")
    rows = _changed(gateway, "courses", lambda: small.set("cohort", 9, name="Night", timemodified=now))
    assert rows["cohort:9"].title == "Night"
    paid = {"component": "enrol_fee", "paymentarea": "fee", "itemid": 50, "userid": 3, "amount": "5.00"}
    times = {"currency": "GBP", "timecreated": now, "timemodified": now}
    rows = _changed(gateway, "orders", lambda: small.add("payments", id=1, **paid, **times))
    assert rows["1"].lines[0].item_id == "5"
    viewed = {"eventname": r"\core\event\course_viewed", "userid": 3, "courseid": 6, "timecreated": now}
    rows = _changed(gateway, "signals", lambda: small.add("logstore_standard_log", id=1, **viewed))
    assert (rows["view:1"].kind, rows["view:1"].course_id) == ("view", "6")


def test_odd_rows_are_set_aside_or_left_out(small: SmallSite, gateway: Gateway) -> None:
    for id, amount, itemid in ((1, "free", 50), (2, "5.00", 999)):
        small.add(
            "payments",
            id=id,
            component="enrol_fee",
            paymentarea="fee",
            itemid=itemid,
            userid=77,
            amount=amount,
            currency="GBP",
        )
    page = gateway.scan("orders", None, 10)
    assert [(bad.id, bad.reason) for bad in page.bad] == [("1", "amount: a str, not a Decimal")]
    assert [(order.person_id, order.lines[0].kind) for order in page.rows] == [(None, "other")]
    viewed = {"eventname": r"\core\event\course_viewed", "timecreated": 1_700_000_000}
    for id, userid, courseid in ((1, 0, 5), (2, 3, 1), (3, 1, 5), (4, 3, 99)):
        small.add("logstore_standard_log", id=id, userid=userid, courseid=courseid, **viewed)
    assert gateway.scan("signals", None, 10).rows == []


def test_several_policies_leave_consent_unknown(small: SmallSite, gateway: Gateway) -> None:
    for id, version in ((1, 8), (2, 9)):
        small.add("tool_policy", id=id, currentversionid=version)
        small.add("tool_policy_acceptances", id=id, policyversionid=version, userid=3, status=1)
    assert gateway.fetch("persons", ["3"]).rows[0].consents == []


def test_the_list_of_administrators_wins_where_it_can_be_read(small: SmallSite, gateway: Gateway) -> None:
    config = sa.table("mdl_config", sa.column("name"), sa.column("value"))
    small.run(sa.text("CREATE TABLE mdl_config (name VARCHAR(50), value VARCHAR(50))"))
    small.run(config.insert().values(name="siteadmins", value="3"))
    roles = {row.id: row.roles for row in gateway.fetch("persons", ["2", "3"]).rows}
    assert roles == {"2": ("learner",), "3": ("admin",)}
