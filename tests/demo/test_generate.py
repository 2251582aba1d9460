"""The generated year: repeatable, and with every kind of person in it."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, Table, create_engine, func, select
from werkzeug.security import check_password_hash

from crm_plugin.demo import demo_accounts, fill
from crm_plugin.demo.models import (
    Activity,
    Base,
    ClassCourse,
    Consent,
    Course,
    Enrolment,
    Order,
    OrderLine,
    User,
)

NOW = 1_795_300_000


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path_factory.mktemp('year') / 'school.db'}")
    fill(engine, people=600, now=NOW, hostile=True)
    yield engine
    engine.dispose()


def _books(engine: Engine) -> dict[str, list[str]]:
    with engine.connect() as connection:
        return {
            table.name: sorted(str(row) for row in connection.execute(select(table)))
            for table in Base.metadata.sorted_tables
            if table.name not in ("school_pins", "school_key_figures")
        }


def _count(engine: Engine, *where: Any) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).where(*where)) or 0


def test_the_same_seed_makes_the_same_year(tmp_path: Path) -> None:
    books = []
    for name in ("one", "two"):
        engine = create_engine(f"sqlite:///{tmp_path / name}.db")
        fill(engine, people=60, seed=7, now=NOW)
        books.append(_books(engine))
        engine.dispose()
    assert books[0] == books[1]


def test_it_fills_each_database_and_leaves_room_for_the_next_row(db_url: str) -> None:
    engine = create_engine(db_url)
    made = fill(engine, people=60, now=NOW)
    with engine.begin() as connection:
        assert connection.scalar(select(func.count(User.id))) == made["school_users"] == 60
        users: Table = User.__table__  # type: ignore[assignment]
        connection.execute(users.insert().values(username="next", display_name="N", registered_at=NOW,
                           status="active", roles="learner", tags="", password_hash="", updated_at=NOW,
                           email_verified=False, phone_verified=False))  # fmt: skip
    engine.dispose()


def test_two_thousand_people_take_less_than_ten_seconds(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'school.db'}")
    start = time.process_time()
    fill(engine)
    assert time.process_time() - start < 10
    assert _count(engine, User.id > 0) == 2000
    engine.dispose()


def test_too_few_people_are_refused(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'school.db'}")
    with pytest.raises(ValueError, match="at least 60"):
        fill(engine, people=59)
    engine.dispose()


def test_the_accounts_open(year: Engine) -> None:
    with year.connect() as connection:
        for account in demo_accounts():
            row = connection.execute(select(User.__table__).where(User.username == account.username)).one()
            assert check_password_hash(row.password_hash, account.password)
            assert (row.roles, row.display_name, row.status) == (account.role, account.display_name, "active")


@pytest.mark.parametrize(
    "where",
    [
        pytest.param((User.last_login_at.is_(None), User.status == "active"), id="never signed in"),
        pytest.param((User.last_login_at < NOW - 150 * 86_400,), id="dormant"),
        pytest.param((User.member_until > NOW,), id="member"),
        pytest.param((User.member_until < NOW,), id="lapsed member"),
        pytest.param((User.status == "suspended",), id="suspended"),
        pytest.param((User.status == "unconfirmed",), id="unconfirmed"),
        pytest.param((User.status == "erased", User.email.is_(None)), id="erased"),
        pytest.param((User.merged_into_id.is_not(None),), id="merged"),
        pytest.param((User.email.is_(None), User.phone.is_(None), User.status == "active"), id="no address"),
        pytest.param((User.phone == "call me",), id="no telephone number"),
        pytest.param((User.display_name.contains("<script>"),), id="script"),
        pytest.param((User.display_name == "=1+1",), id="formula"),
        pytest.param((func.length(User.display_name) == 200,), id="long name"),
        pytest.param((Consent.granted.is_(True),), id="granted"),
        pytest.param((Consent.granted.is_(False),), id="denied"),
        *(pytest.param((Order.state == state,), id=state)
          for state in ("pending", "paid", "closed", "refunding", "refunded", "partly_refunded")),
        pytest.param((Order.source == "offline",), id="off-site"),
        pytest.param((Order.coupon.is_not(None),), id="coupon"),
        pytest.param((OrderLine.kind == "membership",), id="membership sold"),
        *(pytest.param((Enrolment.source == source,), id=f"seat by {source}")
          for source in ("purchase", "free", "import", "membership", "class")),
        *(pytest.param((Enrolment.end_kind == kind,), id=f"ended: {kind}")
          for kind in ("refund", "expired", "left", "removed")),
        pytest.param((Enrolment.state == "suspended",), id="seat suspended"),
        pytest.param((Enrolment.state == "active", Enrolment.expires_at < NOW), id="access expired"),
        pytest.param((Enrolment.completed_at.is_not(None),), id="completed"),
        *(pytest.param((Activity.kind == kind,), id=f"signal {kind}")
          for kind in ("login", "view", "trial", "favourite", "question", "review", "coupon", "learn")),
        pytest.param((Course.parent_id.is_not(None),), id="copy of a course"),
        pytest.param((Enrolment.starts_at > NOW, Enrolment.state == "active"), id="seat that begins later"),
        pytest.param((Enrolment.end_kind == "left", Enrolment.end_reason.is_not(None)), id="left, with why"),
        pytest.param((User.member_until.between(NOW, NOW + 14 * 86_400),), id="membership ends soon"),
        pytest.param((Order.state == "paid", Order.amount == 0), id="paid nothing"),
    ],
)  # fmt: skip
def test_there_is_somebody_of_each_kind(year: Engine, where: tuple[Any, ...]) -> None:
    assert _count(year, *where) > 0


def test_each_class_lives(year: Engine) -> None:
    """Somebody looks, buys, does not pay, learns or is about to, and leaves; a copy is taught in it alone."""
    with year.connect() as connection:
        classes = connection.scalars(select(Course.id).where(Course.kind == "class")).all()
    assert len(classes) == 6
    for one in classes:
        interested = (Activity.course_id == one, Activity.kind.in_(["view", "trial", "favourite", "coupon"]))
        assert _count(year, *interested) > 5, one
        ordered = (OrderLine.kind == "class", OrderLine.item_id == one, OrderLine.order_id == Order.id)
        assert _count(year, *ordered, Order.state == "paid") > 2, one
        assert _count(year, Enrolment.course_id == one, Enrolment.state == "active") > 2, one
    unpaid = (OrderLine.kind == "class", OrderLine.order_id == Order.id)
    assert _count(year, *unpaid, Order.state == "pending") > 0
    assert _count(year, *unpaid, Order.state == "closed") > 0
    assert _count(year, Enrolment.course_id.in_(classes), Enrolment.state == "ended") > 3
    copies = (ClassCourse.course_id == Course.id, Course.parent_id.is_not(None))
    assert _count(year, *copies) == 6


def test_names_are_hostile_only_when_asked(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'school.db'}")
    fill(engine, people=60, now=NOW)
    assert _count(engine, User.display_name.contains("<")) == 0
    engine.dispose()


def test_a_school_in_chinese_says_in_chinese_what_was_bought_and_why_people_left(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'school.db'}")
    fill(engine, people=200, now=NOW, language="zh")
    with engine.connect() as connection:
        said = {
            *connection.scalars(select(Enrolment.end_reason)),
            *connection.scalars(select(Order.refund_reason)),
        }
        titles = {*connection.scalars(select(OrderLine.title))} & {*connection.scalars(select(Course.title))}
    assert len(titles) > 20
    assert len(said) > 3
    assert [one for one in said if one and one.isascii()] == []
    engine.dispose()


def test_some_share_a_telephone_or_an_address(year: Engine) -> None:
    with year.connect() as connection:
        users = connection.execute(select(User.email, User.phone)).all()
    phones = Counter(user.phone for user in users if user.phone)
    emails = Counter(user.email.lower() for user in users if user.email)
    assert phones["13912345678"] == 2
    assert emails["jose@example.com"] == 2


def test_the_year_hangs_together(year: Engine) -> None:
    """No money without payment, no seat before the person, nothing after the present."""
    assert _count(year, Order.state == "paid", Order.paid_at.is_(None)) == 0
    assert _count(year, Order.state.in_(["pending", "closed"]), Order.paid_at.is_not(None)) == 0
    assert _count(year, Order.state == "pending", Order.closes_at <= NOW) == 0
    assert _count(year, Order.refunded > Order.amount) == 0
    assert _count(year, Enrolment.state == "ended", Enrolment.ended_at.is_(None)) == 0
    assert _count(year, Enrolment.progress > 1) == 0
    assert _count(year, Enrolment.user_id == User.id, Enrolment.enrolled_at < User.registered_at) == 0
    assert _count(year, User.last_active_at < User.last_login_at) == 0
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if column.name in ("updated_at", "at", "created_at", "paid_at", "last_login_at", "registered_at"):
                assert _count(year, column > NOW) == 0, column
