"""Templates: pieces of pages are written once, as macros of ``templates/crm/shell``."""

import re
from pathlib import Path

from tests.project.tree import files, text_of

SHELL = Path("templates/crm/shell")
BY_HAND = {
    "tables.table": re.compile(r"<table|c-tablewrap|c-cardtable"),
    "tables.column, tables.subject": re.compile(r"<th[ >]"),
    "cards.card, cards.flush, cards.head": re.compile(r"\bc-card(?![a-z])"),
    "cards.figure": re.compile(r"\bc-figure(?![a-z])"),
    "cards.row": re.compile(r"<li[^>]*>\s*<div class=\"c-grow"),
    "forms.field, forms.fields": re.compile(r"\bc-field(?![a-z])"),
    "forms.menu, forms.menu_form": re.compile(r"\bc-menu(?![a-z])"),
    "ui.empty": re.compile(r"class=\"c-empty\""),
    "ui.crumb": re.compile(r"\bc-crumb\b"),
}
"""What templates call → what they would have to write to do without it."""


def written_by_hand(text: str) -> list[str]:
    """The macros that a template does without."""
    return [macro for macro, pattern in BY_HAND.items() if pattern.search(text)]


def test_what_has_a_macro_is_not_written_by_hand() -> None:
    pages = [path for path in files() if path.is_relative_to("templates/crm") and path.suffix == ".html"]
    hand = {
        str(path): found
        for path in pages
        if not path.is_relative_to(SHELL) and (found := written_by_hand(text_of(path)))
    }
    assert len(pages) > 60
    assert not hand


def test_the_macros_write_what_pages_do_not() -> None:
    """Else a pattern that is outdated would find nothing anywhere."""
    text = "".join(text_of(path) for path in files() if path.is_relative_to(SHELL))
    assert set(written_by_hand(text)) == set(BY_HAND)
