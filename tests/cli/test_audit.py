"""``crm audit``: the log at the command line."""

import csv
from io import StringIO
from typing import Any

import pytest

from crm_plugin.kernel.clock import system_clock
from crm_plugin.kernel.credentials import tokens
from crm_plugin.kernel.credentials.tokens import Grant
from crm_plugin.kernel.db.engine import connect
from tests.road import Road


def test_the_log_is_read_and_taken_away(road: Road) -> None:
    road.crm("account", "add", "eve", "--permission", "crm.view")
    rows = road.crm("audit", "--about", "eve", "--json")
    assert [(row["actor"], row["action"], row["object_id"]) for row in rows] == [
        ("command", "account.save", "eve")
    ]
    said = road.crm("audit", "--about", "eve")
    assert "account.save\taccount eve" in said
    table = list(csv.reader(StringIO(road.crm("audit", "--about", "eve", "--csv").lstrip("\ufeff"))))
    assert [row[3] for row in table[1:]] == ["account.save"]
    assert road.crm("audit", "--actor", "nobody").strip() == "nothing matches"


def test_a_removed_account_leaves_no_token_unnoticed(road: Road) -> None:
    road.crm("account", "add", "ned", "--permission", "crm.admin")
    database = connect(road.environment["CRM_DATABASE_URL"])
    with database.begin() as session:
        grant = Grant("Nightly export", ["crm.view"])
        tokens.make(session, "k" * 40, grant, ("ned", "Ned"), system_clock())
    database.close()
    said = road.crm("account", "remove", "ned")
    assert "ned cannot sign in any more" in said
    assert "Nightly export" in said


@pytest.mark.parametrize("words", [("--since", "yesterday"), ("--limit", "0"), ("--actor", "a\tb")])
def test_what_cannot_be_read_is_one_line(road: Road, words: Any) -> None:
    assert road.crm("audit", *words, exit_code=2).count("\n") == 1
