"""A million people straight in the CRM's tables, by SQL alone: the same rows on each database.

Values come from multiplications by large numbers, so that the whole needs no generator outside the database.
Indexes are left away while the rows come in.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.facts import compute
from crm_plugin.profiles.models import school as m
from tests.bench.school import COURSES, PRESENT

_TABLES = (m.Person, m.Course, m.CourseLabel, m.Enrolment, m.Order, m.OrderLine, m.Signal)
_ANALYZE = {
    "postgresql": "VACUUM ANALYZE",
    "sqlite": "ANALYZE",
    "mysql": f"ANALYZE TABLE {', '.join(model.__tablename__ for model in _TABLES)}",
}
_NOW = int(PRESENT.timestamp())
_STEP = 2_147_483_647
_HELD = "'paid', 'refunding', 'partly_refunded', 'refunded'"


def fill(database: Database, people: int, seed: int) -> None:
    """Write the rows, make the indexes, work out the facts of everybody and tell the planner."""
    indexes = [index for model in _TABLES for index in model.__table__.indexes]  # type: ignore[attr-defined]
    with database.begin() as session:
        if database.dialect == "mysql":
            session.execute(sa.text("SET sql_mode = CONCAT(@@sql_mode, ',PIPES_AS_CONCAT')"))
        for index in indexes:
            index.drop(session.connection())
        for statement in _statements(database.dialect, people, seed):
            session.execute(sa.text(statement))
        for index in indexes:
            index.create(session.connection())
        if database.dialect == "postgresql":
            _advance_sequences(session)
    with database.begin() as session:
        _keep_facts(session)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # After a bulk load as after the CRM's own: the planner knows the tables.
        connection.execute(sa.text(_ANALYZE[database.dialect]))


def _advance_sequences(session: Session) -> None:
    """Let new rows be numbered behind those that named their own ids."""
    for model in (m.Person, m.Course, m.Enrolment, m.Order, m.Signal):
        table = model.__tablename__
        sequence = f"setval(pg_get_serial_sequence('{table}', 'id'), max(id))"
        session.execute(sa.select(sa.text(sequence)).select_from(sa.table(table)))


def _keep_facts(session: Session) -> None:
    whom: Any = lambda column: column > 0  # noqa: E731 - what compute() takes
    compute.write_columns(session, whom, "CNY")


def _statements(dialect: str, people: int, seed: int) -> list[str]:
    sizes = {"n1": people, "n2": 2 * people, "n12": people * 12 // 10, "n3": 3 * people, "courses": COURSES}
    chance = _Chance(dialect, seed, sizes)
    # Few people have much, few courses are popular; who views a course is not who is enrolled in it.
    seats, orders, views = (
        (
            "1 + " + chance.whole(f"{people} * {chance(20 + of)} * {chance(30 + of)}"),
            "1 + " + chance.even(chance.whole(f"{COURSES} * {chance(40 + of)} * {chance(40 + of)}")),
        )
        for of in range(3)
    )
    state = chance.of(4, "paid", "paid", "paid", "paid", "closed", "pending", "refunded", "partly_refunded")
    amount = chance.of(5, 0, 199_000, 990_000, 1_990_000, 4_990_000, 12_990_000)
    since = chance.ago(6, 40_000_000)
    return [
        f"""INSERT INTO crm_course (id, host_id, row_hash, root_id, kind, title, title_folded, status, gone)
        SELECT n, 'c' || (n - 1), '', 1 + {chance.even("n - 1")}, 'course', 'Course ' || n, 'course ' || n,
          'published', {chance.false} FROM {chance.numbers("courses")}""",
        f"""INSERT INTO crm_course_label (course_id, kind, folded, value, position)
        SELECT n, 'tag', 'topic ' || (n % 40), 'topic ' || (n % 40), 0 FROM {chance.numbers("courses")}""",
        f"""INSERT INTO crm_person (id, host_id, row_hash, status, display_name, display_name_folded, city,
          city_folded, email, email_folded, email_key, phone, phone_folded, phone_key, registered_at,
          last_login_at, is_staff, paid_count, paid_total, refunded_total, unpaid_count, marketed_count)
        SELECT n, 'p' || n, '', CASE WHEN {chance(7)} < 0.99 THEN 'active' ELSE 'suspended' END,
          'Learner ' || n, 'learner ' || n, {chance.of(8, "Wuhan", "Xi'an", "Chengdu", "Beijing")},
          {chance.of(8, "wuhan", "xi'an", "chengdu", "beijing")}, 'l' || n || '@mail.example.com',
          'l' || n || '@mail.example.com', 'l' || n || '@mail.example.com', '13' || (100000000 + n),
          '13' || (100000000 + n), '+8613' || (100000000 + n), {since},
          CASE WHEN {chance(9)} < 0.8 THEN {chance.ago(10, 20_000_000)} END, {chance.false}, 0, 0, 0, 0, 0
        FROM {chance.numbers("n1")}""",
        f"""INSERT INTO crm_enrolment (id, host_id, row_hash, person_id, course_id, root_id, role, source,
          state, enrolled_at, expires_at, progress, last_learned_at)
        SELECT n, 'e' || n, '', {seats[0]}, {seats[1]}, {seats[1]}, 'learner',
          {chance.of(4, "purchase", "free")}, {chance.of(7, *["active"] * 9, "ended")}, {since},
          CASE WHEN {chance(8)} < 0.5 THEN {chance.ago(9, 60_000_000, 30_000_000)} END, {chance(10)},
          CASE WHEN {chance(11)} < 0.7 THEN {chance.ago(12, 20_000_000)} END FROM {chance.numbers("n2")}""",
        f"""INSERT INTO crm_order (id, host_id, row_hash, person_id, state, amount, currency, refunded,
          created_at, paid_at)
        SELECT n, 'o' || n, '', {orders[0]}, {state}, {amount}, 'CNY', 0, {since},
          CASE WHEN {state} IN ({_HELD}) THEN {since} END FROM {chance.numbers("n12")}""",
        f"""INSERT INTO crm_order_line (order_id, position, person_id, held_money, kind, item_host_id,
          course_id, root_id, amount, refunded)
        SELECT n, 0, {orders[0]}, {state} IN ({_HELD}), 'course',
          'c' || ({orders[1]} - 1), {orders[1]}, {orders[1]}, {amount}, 0
        FROM {chance.numbers("n12")}""",
        f"""INSERT INTO crm_signal (id, host_id, row_hash, person_id, kind, course_id, root_id, at, count)
        SELECT n, 's' || n, '', {views[0]}, {chance.of(4, *["view"] * 5, "visit", "learn", "trial", "login")},
          {views[1]}, {views[1]}, {chance.ago(5, 30_000_000)}, 1 FROM {chance.numbers("n3")}""",
    ]


class _Chance:
    """SQL of values that look drawn: the same for a row wherever it is asked for."""

    def __init__(self, dialect: str, seed: int, sizes: dict[str, int]) -> None:
        self._dialect = dialect
        self._seed = seed
        self._sizes = sizes
        self.false = "0" if dialect == "sqlite" else "FALSE"

    def __call__(self, which: int) -> str:
        """Return a number from 0 to below 1, the ``which``-th of the row."""
        factor = (which * 7_919_777 + self._seed * 104_729) * 2 + 1
        # MariaDB divides decimal numbers to four places only.
        one = f"{_STEP}e0" if self._dialect == "mysql" else f"{_STEP}.0"
        return f"((n * {factor} + {which * 65_537}) % {_STEP} / {one})"

    def of(self, which: int, *values: Any) -> str:
        """Return one of these values."""
        place = self.whole(f"{len(values)} * {self(which)}")
        cases = " ".join(f"WHEN {index} THEN {self._literal(value)}" for index, value in enumerate(values))
        return f"CASE {place} {cases} END"

    def ago(self, which: int, span: int, ahead: int = 0) -> str:
        """Return an instant in the last ``span`` seconds before ``ahead`` seconds from the present."""
        seconds = f"{_NOW + ahead} - {self.whole(f'{span} * {self(which)}')}"
        if self._dialect == "sqlite":
            return f"strftime('%Y-%m-%d %H:%M:%f000', {seconds}, 'unixepoch')"
        if self._dialect == "mysql":
            return f"('1970-01-01' + INTERVAL ({seconds}) SECOND)"
        return f"to_timestamp({seconds})"

    def whole(self, number: str) -> str:
        """Return the whole part of a number; the casts of servers would round."""
        if self._dialect == "sqlite":
            return f"CAST({number} AS INTEGER)"
        return f"CAST(FLOOR({number}) AS {'SIGNED' if self._dialect == 'mysql' else 'BIGINT'})"

    def even(self, number: str) -> str:
        """Return the even number at or below a whole one."""
        return f"({number} - ({number}) % 2)"

    def numbers(self, size: str) -> str:
        """Return a table of the numbers from 1 to a size."""
        last = self._sizes[size]
        if self._dialect == "postgresql":
            return f"generate_series(1, CAST({last} AS BIGINT)) AS numbers(n)"
        if self._dialect == "mysql":
            return f"(SELECT seq AS n FROM seq_1_to_{last}) AS numbers"
        series = f"SELECT 1 AS n UNION ALL SELECT n + 1 FROM numbers WHERE n < {last}"
        return f"(WITH RECURSIVE numbers AS ({series}) SELECT n FROM numbers) AS numbers"

    @staticmethod
    def _literal(value: Any) -> str:
        return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"
