"""PgBouncer in transaction mode: each transaction may meet another session of the server."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from crm_plugin.host.readonly import read_only_engine
from crm_plugin.kernel.db.engine import Database, connect
from tests.conftest import absent
from tests.servers import pgbouncer

pytestmark = pytest.mark.parametrize("db_kind", ["postgresql"], indirect=True)


@pytest.fixture
def pooled_url(database: Database) -> Iterator[str]:
    if reason := pgbouncer.find():
        absent(reason)
    with pgbouncer.pooled(database.engine.url.render_as_string(hide_password=False), sessions=2) as url:
        yield url


def test_statements_of_many_clients_are_not_taken_for_one_another(pooled_url: str) -> None:
    """The driver would prepare what it has run five times, in a session that is another client's then."""
    clients = [connect(pooled_url) for _ in range(4)]

    def ask(client: Database) -> list[int]:
        found = []
        for number in range(30):
            with client.begin() as session:
                for more in (1, 2):
                    query = sa.text(f"SELECT {more} + CAST(:n AS int)")
                    found.append(session.scalar(query, {"n": number}))
        return found

    with ThreadPoolExecutor(len(clients)) as pool:
        answers = list(pool.map(ask, clients))
    for client in clients:
        client.close()
    assert answers == [[number + more for number in range(30) for more in (1, 2)]] * len(clients)


def test_without_a_pooler_statements_are_prepared(database: Database, pooled_url: str) -> None:
    through = connect(pooled_url)
    found = []
    for one in (database, through):
        with one.engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            found.append(driver.prepare_threshold)
    through.close()
    assert found == [5, None]


def test_a_school_that_is_only_read_leaves_the_sessions_of_others_as_they_are(pooled_url: str) -> None:
    """What a session is set to would go on to the school's own programs."""
    school, own = read_only_engine(pooled_url, seconds=7), connect(pooled_url)
    for _ in range(4):
        with school.connect() as first, school.connect() as second:
            for connection in (first, second):
                assert connection.scalar(sa.text("SHOW statement_timeout")) == "7s"
                with pytest.raises(sa.exc.DBAPIError, match="read-only"):
                    connection.execute(sa.text("CREATE TABLE forbidden (id int)"))
                connection.rollback()
    for _ in range(4):
        with own.begin() as session, own.begin() as other:
            for one in (session, other):
                assert one.scalar(sa.text("SHOW statement_timeout")) == "0"
                assert one.scalar(sa.text("SHOW transaction_read_only")) == "off"
    school.dispose()
    own.close()
