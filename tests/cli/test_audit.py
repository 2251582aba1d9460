"""``crm audit``: the log at the command line."""

import csv
from io import StringIO
from typing import Any

import pytest

from tests.road import Road


def test_the_log_is_read_and_taken_away(road: Road) -> None:
    road.crm("account", "add", "eve", "--permission", "crm.view")
    rows = road.crm("audit", "--action", "account", "--json")
    assert [(row["actor"], row["action"], row["object_id"]) for row in rows] == [
        ("command", "account.save", "eve")
    ]
    said = road.crm("audit", "--about", "eve")
    assert "account.save\taccount eve" in said
    table = list(csv.reader(StringIO(road.crm("audit", "--actor", "command", "--csv").lstrip("\ufeff"))))
    assert [row[3] for row in table[1:]] == ["audit.export", "account.save"]
    assert road.crm("audit", "--actor", "nobody").strip() == "nothing matches"


@pytest.mark.parametrize("words", [("--since", "yesterday"), ("--limit", "0"), ("--actor", "a\tb")])
def test_what_cannot_be_read_is_one_line(road: Road, words: Any) -> None:
    assert road.crm("audit", *words, exit_code=2).count("\n") == 1
