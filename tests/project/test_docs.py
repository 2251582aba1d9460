"""The documentation is tested: settings, error codes, commands, links between pages."""

import re
from pathlib import Path

import click
import pytest

from crm_plugin.cli import flask_group
from crm_plugin.kernel.errors import CODES
from crm_plugin.kernel.settings import TABLE

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def test_every_setting_is_documented_with_its_default() -> None:
    text = (DOCS / "settings.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| \w+ \| (.+?) \|", text, re.M))
    expected = {row.name: f"`{row.default}`" if row.default != "" else "empty" for row in TABLE}
    assert rows == expected


def test_every_error_code_is_documented() -> None:
    documented = set(re.findall(r"^\| `([a-z_.]+)` \|", (DOCS / "errors.md").read_text("utf-8"), re.M))
    assert documented == set(CODES)


def test_every_command_is_documented() -> None:
    text = (DOCS / "commands.md").read_text("utf-8")
    for path in commands(flask_group, "crm"):
        assert f"`{path}" in text, path


def commands(group: click.Group, path: str) -> list[str]:
    found = []
    for name, command in group.commands.items():
        here = f"{path} {name}"
        found += commands(command, here) if isinstance(command, click.Group) else [here]
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_every_page_is_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    todo = [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8"))
        todo += [(page.parent / target).resolve() for target in targets]
    assert set(PAGES) - seen == set()
