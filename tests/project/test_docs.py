"""The documentation is tested: settings, error codes, commands, variables, tables, names, links."""

import importlib
import re
import tomllib
from pathlib import Path

import click
import pytest

from crm_plugin.campaigns.policy.rules import FIELDS, KEYS
from crm_plugin.channels.content import VARIABLES
from crm_plugin.channels.registry import CARRIERS, CHANNELS
from crm_plugin.cli import flask_group
from crm_plugin.kernel import errors
from crm_plugin.kernel.errors import CODES
from crm_plugin.kernel.settings import TABLE
from crm_plugin.tables import metadata

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


def test_the_message_of_an_error_stands_in_its_row_or_below() -> None:
    """A capability that is there without those above it can say what went wrong."""
    known = set(errors.CODES) - {code for row in ROWS for code in table_of(row)}
    for row in ROWS:
        known |= set(table_of(row))
        for path in (ROOT / "crm_plugin" / row).rglob("*.py"):
            used = set(re.findall(r'"([a-z_]+\.[a-z_]+)"', path.read_text("utf-8")))
            assert not (used & set(CODES)) - known, path


ROWS = ("kernel", "host", "profiles", "channels", "links", "boards", "segments", "campaigns", "automations")


def table_of(row: str) -> dict[str, str]:
    """The messages of a capability."""
    if row == "kernel" or not (ROOT / "crm_plugin" / row / "errors.py").exists():
        return {}
    table: dict[str, str] = importlib.import_module(f"crm_plugin.{row}.errors").CODES
    return table


def test_a_code_is_taken_once() -> None:
    with pytest.raises(ValueError, match=r"segment\.cycle"):
        errors.add_codes({"segment.cycle": "again"})


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


def test_every_error_code_says_what_to_do() -> None:
    rows = re.findall(r"^\| `[a-z_.]+` \| (.*) \| (.*) \|$", (DOCS / "errors.md").read_text("utf-8"), re.M)
    assert len(rows) == len(CODES)
    assert all(words and advice for words, advice in rows)


def test_every_variable_channel_and_carrier_is_documented() -> None:
    text = (DOCS / "channels.md").read_text("utf-8")
    (variables,) = re.findall(r"^Variables: `([a-z_ ]+)`", text, re.M)
    assert set(variables.split()) == set(VARIABLES)
    # Tests of this run may have registered carriers of their own.
    ours = [name for name, made in CARRIERS.items() if made.__module__.startswith("crm_plugin.")]
    for name in (*CHANNELS, *ours):
        assert f"`{name}`" in text, name


def test_every_reason_and_every_rule_of_a_policy_is_documented() -> None:
    page = (DOCS / "campaigns.md").read_text("utf-8")
    assert " ".join(KEYS) in " ".join(page.split())
    assert [one.key for one in FIELDS if f"\n| `{one.key}`" not in page] == []


def test_every_table_is_in_the_architecture() -> None:
    text = (DOCS / "architecture.md").read_text("utf-8").partition("## Tables")[2].partition("\n## ")[0]
    named = set(re.findall(r"\bcrm_[a-z_]+", text)) - {"crm_", "crm_alembic_version"}
    assert named == set(metadata.tables)


FILE = r"[a-z_0-9]+\.(?:py|html)"
"""The name of a file of the code."""


@pytest.mark.parametrize("document", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_is_named_exists(document: Path) -> None:
    """By its path from the root or inside the package; where a function is named beside it, that too."""
    text = re.sub(r"^```.*?^```", "", document.read_text("utf-8"), flags=re.M | re.S)
    for file, function in re.findall(rf"`((?:[a-z_0-9.]+/)+{FILE})`(?: \(`(\w+)`)?", text):
        (path,) = [path for path in (ROOT / file, ROOT / "crm_plugin" / file) if path.exists()] or [None]
        assert path, file
        assert not function or f"def {function}(" in path.read_text("utf-8"), (file, function)


@pytest.mark.parametrize("document", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_named_without_its_path(document: Path) -> None:
    """A bare name fits several files, and nobody notices when it fits none."""
    top = {f"crm_plugin/{name}" for name in ("plugin.py", "tables.py")}
    assert all((ROOT / name).exists() for name in top)
    assert set(re.findall(rf"`({FILE})`", document.read_text("utf-8"))) <= {Path(name).name for name in top}


def test_the_architecture_names_the_rooms() -> None:
    text = (DOCS / "architecture.md").read_text("utf-8").partition("\n## Rooms")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)/` \| (.*) \|$", text, re.M))
    assert set(rows) == {"profiles", "segments", "channels", "boards", "campaigns", "automations", "web"}
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    for contract in contracts:
        if contract["id"] in rows:
            stacked = [set(re.findall(r"\w+", layer)) for layer in reversed(contract["layers"])]
            named = rows[contract["id"]].partition(";")[0].split(" · ")
            assert [set(re.findall(r"`(\w+)`", layer)) for layer in named] == stacked, contract["id"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S)
    return {
        re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in re.findall(r"^#+ (.*)$", text, re.M)
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_heading_leads_to_one(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", page.read_text("utf-8")):
        assert anchor in headings(page.parent / target if target else page), (target, anchor)


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
