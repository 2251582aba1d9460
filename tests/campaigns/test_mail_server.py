"""A real Postfix: what it refuses, what it sends back, and what the books make of it."""

from functools import partial
from pathlib import Path

import pytest

from crm_plugin.campaigns.composing import drafts
from crm_plugin.channels.email.smtp.offers import note
from crm_plugin.channels.email.smtp.probe import probe
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from tests.campaigns.fixtures import books, preflight, run
from tests.campaigns.mail_server import (
    FAR,
    TOWN,
    agree,
    email,
    launched,
    mail_server,
    school,
    stopped,
    wait_for,
)
from tests.fakes.host import staff


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


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_a_text_that_the_server_would_refuse_is_named_before_sending(
    database: Database, tmp_path: Path
) -> None:
    with mail_server() as server:
        crm = school(database, tmp_path, server, [f"p@{TOWN}"])
        html = "<p>Hello</p>" * 2_000
        ident = drafts.create(crm, staff("tester"), email(html=html))
        assert codes(crm, ident) == [], "what it takes is not known before the first connection"
        assert probe(crm, partial(note, crm))[0]
        assert codes(crm, ident) == ["content.too_large_to_send"]
        crm.settings.smtp_url = f"smtp://127.0.0.1:{server.postfix.port + 1}"
        assert codes(crm, ident) == [], "another server may take more"


def codes(crm: Crm, ident: int) -> list[str]:
    return [problem.code for problem in preflight(crm, ident).errors]
