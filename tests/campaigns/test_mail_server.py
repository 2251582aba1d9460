"""A real Postfix: what it refuses, what it sends back, and what the books make of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crm_plugin.campaigns import service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from tests.campaigns.fixtures import EVERYBODY, books, run, world
from tests.campaigns.mail_server import (
    DOMAIN,
    FAR,
    TOWN,
    MailServer,
    agree,
    hang_up,
    mail_server,
    move_in,
    stopped,
    wait_for,
)
from tests.conftest import absent
from tests.fakes.host import staff
from tests.servers.postfix import find


@pytest.fixture
def server() -> Iterator[MailServer]:
    """A mail server that is not started yet; nobody but root can start one."""
    missing = find()
    if missing:
        absent(missing, fails_in_ci="root" not in missing)
    with mail_server() as found:
        yield found


def school(
    database: Database, folder: Path, server: MailServer, addresses: list[str], **settings: Any
) -> Crm:
    """A school with people at these addresses, whose mail goes by the server, which is started."""
    values = {"smtp_url": server.url, "bounce_domain": DOMAIN, "mail_from": "School <news@school.example>"}
    crm = world(database, folder, people=len(addresses), **values, **settings)
    move_in(crm, addresses)
    server.start(crm)
    return crm


def launched(crm: Crm) -> int:
    content = {"channel": "email", "subject": "x", "text": "x"}
    ident = drafts.create(crm, staff("tester"), {"name": "x", "audience": EVERYBODY, **content})
    service.launch(crm, staff("tester"), ident)
    return ident


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_who_is_unknown_at_once_or_afterwards_is_stopped_and_nobody_else(
    database: Database, tmp_path: Path, server: MailServer
) -> None:
    here = [f"p{number}@{TOWN}" for number in range(1, 9)]
    gone = [f"gone@{TOWN}", f"gone@{FAR}"]
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
