"""What a database is given of its own is a named choice, made in one place."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

import crm_plugin.segments
from crm_plugin.segments.dialects import DIALECTS, PLAIN, Dialect

SOURCES = Path(crm_plugin.segments.__file__).parent


def test_no_other_file_of_the_filter_language_names_a_database() -> None:
    named = re.compile(r"[\"'](sqlite|postgresql|mysql|mariadb)[\"']")
    naming = {path.name for path in SOURCES.rglob("*.py") if named.search(path.read_text())}
    assert naming == {"dialects.py"}


@pytest.mark.parametrize("choice", [one.name for one in fields(Dialect) if one.name != "name"])
def test_each_choice_is_made_by_a_database_and_read_by_the_language(choice: str) -> None:
    assert {getattr(one, choice) for one in DIALECTS.values()} != {getattr(PLAIN, choice)}
    readers = [path.read_text() for path in SOURCES.rglob("*.py") if path.name != "dialects.py"]
    assert any(f"dialect.{choice}" in text for text in readers)
