"""A real Postfix: what it refuses, what it sends back, and what the books make of it."""

from pathlib import Path

import pytest

from crm_plugin.kernel.db.engine import Database
from tests.campaigns.fixtures import books, run
from tests.campaigns.mail_server import (
    FAR,
    TOWN,
    agree,
    hang_up,
    launched,
    mail_server,
    school,
    stopped,
    wait_for,
)


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_who_is_unknown_at_once_or_afterwards_is_stopped_and_nobody_else(
    database: Database, tmp_path: Path
) -> None:
    here = [f"p{number}@{TOWN}" for number in range(1, 9)]
    gone = [f"gone@{TOWN}", f"gone@{FAR}"]
    with mail_server() as server:
        server.boxes = set(here)
        crm = school(database, tmp_path, server, [gone[0], *here, gone[1]])
        first = launched(crm)
        run(crm)
        wait_for(lambda: len(server.calls()) == 1)
        run(crm)
        assert books(crm, first) == {"considered": 10, "sent": 8, "failed_permanent": 2}
        assert stopped(crm) == set(gone)
        agree(crm, server, [first])
        second = launched(crm)
        run(crm)
        assert books(crm, second) == {"considered": 10, "sent": 8, "excluded": {"suppressed": 2}}
        wait_for(lambda: server.postfix.queued() == 0)
        agree(crm, server, [first, second])
        hang_up(crm)
