"""The menu: daily work in one row, and what is set up seldom under Settings, by links without scripts."""

import re

import pytest

from crm_plugin.web.menu import ENTRIES
from tests.web.fixtures import School

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
MOST = 7
"""Entries in the row: as many as fit at 1440 px beside a school's own column, in each language."""


def menu(school: School, path: str) -> tuple[str, str]:
    """Return the row of the menu, and what unfolds at its end."""
    (nav,) = re.findall(r'<nav class="c-nav".*?</nav>', school.get(path).text, re.DOTALL)
    row, _, settings = nav.partition("<details")
    return row, settings


def test_every_page_of_the_menu_is_in_its_row_or_under_settings(school: School) -> None:
    row, settings = menu(school, "/")
    assert row.count("<a ") + row.count("<li><") - row.count("<li><a ") <= MOST
    for entry in ENTRIES:
        here, elsewhere = (settings, row) if entry.setting else (row, settings)
        assert f">{entry.label}</a>" in here
        assert f">{entry.label}</a>" not in elsewhere


def test_the_menu_shows_where_one_is(school: School) -> None:
    assert re.search(r'aria-current="page">Campaigns<', menu(school, "/campaigns")[0])
    row, settings = menu(school, "/audit")
    assert "aria-current" not in row
    assert "c-nav--here" in settings
    assert re.search(r'aria-current="page">Audit log<', settings)
    assert "c-nav--here" not in menu(school, "/campaigns")[1]


def test_who_may_only_look_finds_what_they_may_open(school: School) -> None:
    school.sign_in("crm.view")
    _row, settings = menu(school, "/")
    assert re.findall(r">([^<]+)</a>", settings) == ["SMS templates", "Health"]
