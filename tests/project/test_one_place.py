"""Some changes stay one-place changes: each recipe of docs/recipes*.md, done on a copy and used there."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from crm_plugin.campaigns.policy.rules import KEYS
from crm_plugin.channels.registry import CARRIERS, CHANNELS
from crm_plugin.plugin import HOSTS
from crm_plugin.segments.language.fields import FIELDS
from crm_plugin.segments.listing.columns import COLUMNS
from tests.project.tree import RESOURCES, ROOT

PAGES = ("recipes", "recipes_outside", "recipes_capability")
RECIPES = "".join((ROOT / "docs" / f"{name}.md").read_text("utf-8") for name in PAGES)
_BLOCK = re.compile(r"^<!-- (new|below|instead) (\S+?)(?:: ([^\n]+))? -->\n```\w+\n(.*?)^```", re.M | re.S)
CHINESE = "crm_plugin/translations/zh/LC_MESSAGES/crm.po"
_BEFORE: dict[Path, dict[str, bytes]] = {}
_COPIED = ("crm_plugin", "tests", "pyproject.toml", *RESOURCES)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the tree in which the folders of the top level are installed as in a checkout."""
    tree = tmp_path / "tree"
    tree.mkdir()
    leave = shutil.ignore_patterns("dist", "node_modules", "*.egg-info")
    for name in _COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=leave)
        else:
            shutil.copy2(ROOT / name, tree / name)
    for name in RESOURCES:
        (tree / "crm_plugin" / name).symlink_to(Path("..") / name)
    _BEFORE[tree] = contents(tree)
    return tree


def follow(tree: Path, recipe: str) -> set[str]:
    """Do what a section of the page says; return the files that it named."""
    section = re.split(r"^## ", RECIPES, flags=re.M)
    (text,) = [one for one in section if one.startswith(f"{recipe}\n")]
    blocks = _BLOCK.findall(text)
    for verb, name, line, code in blocks:
        path = tree / name
        if verb == "new":
            assert not path.exists(), name
            path.parent.mkdir(exist_ok=True)
            path.write_text(code, "utf-8")
            continue
        source = path.read_text("utf-8")
        assert source.count(f"\n{line}\n") == 1, f"{name} has no such line: {line}"
        after = f"\n{line}\n{code}" if verb == "below" else f"\n{code}"
        path.write_text(source.replace(f"\n{line}\n", after), "utf-8")
    return {name for _, name, _, _ in blocks}


def python(tree: Path, *words: str, **environment: str) -> str:
    """Run Python in the copy; return what it printed."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "CRM_"))}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=tree,
        env=ours | {"PYTHONPATH": str(tree)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def use(tree: Path, name: str) -> dict[str, Any]:
    """Use an extension in the copy, with a new database."""
    folder = tree.parent / f"instance-{len(list(tree.parent.iterdir()))}"
    folder.mkdir()
    seen: dict[str, Any] = json.loads(python(tree, "-m", "tests.project.one_place", name, str(folder)))
    assert Path(seen.pop("code")).is_relative_to(tree)
    return seen


def contents(tree: Path) -> dict[str, bytes]:
    """The sources of a copy: name → what the file holds."""
    found = {}
    for folder, folders, names in os.walk(tree):
        folders[:] = [name for name in folders if name != "__pycache__" and not name.endswith(".dist-info")]
        for path in (Path(folder, name) for name in names):
            found[str(path.relative_to(tree))] = path.read_bytes()
    return found


def changed(tree: Path) -> set[str]:
    """The files of a copy that are not what they were."""
    now, before = contents(tree), _BEFORE[tree]
    return {name for name in now.keys() | before.keys() if now.get(name) != before.get(name)}


def test_a_field_is_one_row(copy: Path) -> None:
    assert "timezone" not in FIELDS
    files = {"crm_plugin/segments/language/fields.py", CHINESE}
    assert follow(copy, "A field to filter by") == files
    assert use(copy, "field") == {
        "ids": ["bo"],
        "decided": [False, True, False],
        "offered": True,
        "builder": [True, True],
    }
    assert changed(copy) == files


def test_a_column_is_one_row_and_what_a_list_reads(copy: Path) -> None:
    assert "timezone" not in {one.key for one in COLUMNS}
    files = {
        "crm_plugin/segments/listing/columns.py",
        "crm_plugin/profiles/people/queries.py",
        CHINESE,
    }
    assert follow(copy, "A column") == files
    zones = {"Ada": "Asia/Shanghai", "Bo": "Asia/Tokyo", "Cy": ""}
    assert use(copy, "column") == {
        "menu": [True, True],
        "cells": zones | {"Cy": "–"},
        "csv": zones,
        "heading": "时区",
    }
    assert changed(copy) == files


def test_a_page_is_a_module_a_template_and_two_lines(copy: Path) -> None:
    files = {
        "crm_plugin/web/admin/price_list.py",
        "templates/crm/admin/price_list.html",
        "crm_plugin/web/menu.py",
        "crm_plugin/web/pages.py",
        CHINESE,
    }
    assert not (ROOT / "crm_plugin/web/admin/price_list.py").exists()
    assert follow(copy, "A page") == files
    assert use(copy, "page_of_prices") == {
        "title": [True, True],
        "rows": [["Painting", "¥120.00"]],
        "menu": ["/admin/crm/prices", "page"],
        "without money": 403,
    }
    assert changed(copy) == files


def test_an_sms_carrier_is_one_file_and_its_registration(copy: Path) -> None:
    assert "pigeon" not in CARRIERS
    files = {"crm_plugin/channels/sms/carriers/pigeon.py", "crm_plugin/channels/registry.py"}
    assert follow(copy, "An SMS carrier") == files
    assert use(copy, "carrier") == {"sent": 3, "to": [f"+861380000000{n}" for n in (1, 2, 3)]}
    assert changed(copy) == files


def test_a_channel_is_one_file_and_its_registration(copy: Path) -> None:
    assert "kite" not in CHANNELS
    files = {"crm_plugin/channels/kite.py", "crm_plugin/channels/registry.py", CHINESE}
    assert follow(copy, "A channel") == files
    names = ("Ada", "Bo", "Cy")
    assert use(copy, "channel") == {
        "messages": [["kite", f"+861380000000{n}", f"Hello {name}"] for n, name in enumerate(names, 1)],
        "told": [["kite", "+8613800000002"]],
        "suppressed": [["bo"], ["ada"]],
        "denied": ["ada"],
        "excluded": {"suppressed": 1},
        "composer": True,
    }
    assert changed(copy) == files


def test_a_host_is_one_file_and_one_entry_point(copy: Path) -> None:
    command = ["-m", "crm_plugin.cli"]
    school = {"CRM_HOST": "paper", "CRM_INSTANCE": str(copy.parent / "instance")}
    assert "paper" not in entry_points(group=HOSTS).names
    files = {"hooks/paper.py", "pyproject.toml"}
    assert follow(copy, "A school on another platform") == files
    install(copy)
    read = json.loads(python(copy, *command, "init", "--no-progress", "--json", **school))
    assert (read["streams"], read["failed"]) == ({"courses": 1, "persons": 2, "enrolments": 1}, {})
    tree = {"combinator": "and", "rules": [{"field": "has_phone", "operator": "=", "value": True}]}
    (copy.parent / "tree.json").write_text(json.dumps(tree))
    assert python(copy, *command, "segment", "ids", str(copy.parent / "tree.json"), **school) == "2\n"
    assert changed(copy) == files


def install(tree: Path) -> None:
    """Write what an installation of this tree would tell about its entry points."""
    project = tomllib.loads((tree / "pyproject.toml").read_text("utf-8"))["project"]
    told = tree / "crm_plugin-0.dist-info"
    told.mkdir(exist_ok=True)
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0\n")
    groups = project["entry-points"].items()
    lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in points.items()) for group, points in groups]
    (told / "entry_points.txt").write_text("\n".join(lines))


def test_what_counts_as_a_click_is_one_place(copy: Path) -> None:
    before = {"status": [2, 1, 1], "report": 1, "who": ["ada"], "segment": ["ada"]}
    after = {"status": [2, 2, 2], "report": 2, "who": ["ada", "bo"], "segment": ["ada", "bo"]}
    assert use(copy, "click") == before
    assert follow(copy, "What counts as a click") == {"crm_plugin/links/measures.py"}
    assert use(copy, "click") == after
    assert changed(copy) == {"crm_plugin/links/measures.py"}


def test_a_policy_rule_is_one_row(copy: Path) -> None:
    assert "newcomer" not in KEYS
    files = {
        "crm_plugin/campaigns/policy/rules.py",
        "crm_plugin/translations/zh/LC_MESSAGES/crm.po",
    }
    assert follow(copy, "A policy rule") == files
    assert use(copy, "policy_rule") == {
        "composer": [True, True],
        "saved": {"newcomer_days": 30},
        "refused": ["policy.newcomer_days", "campaign.bad_value"],
        "preflight": {"newcomer": 1},
        "check": [True, True],
        "frozen": {"newcomer": 1},
        "marked": {"newcomer": 2},
        "report": [True, True],
        "people": True,
        "api": ["integer", True],
    }
    assert changed(copy) == files


def test_a_capability_is_a_package_a_room_and_lines_of_lists(copy: Path) -> None:
    files = follow(copy, "A capability")
    new = {name for name in files if "badges" in name}
    assert files - new == {"crm_plugin/plugin.py", "crm_plugin/tables.py", "pyproject.toml"}
    assert use(copy, "capability") == {
        "page": True,
        "menu": True,
        "api": ["Silver", "Gold"],
        "document": True,
        "field": ["ada"],
        "relation": ["ada"],
        "decided": True,
        "timeline": [True, True],
        "told": ["Silver"],
        "merged": ["Gold", "Silver"],
        "erased": True,
    }
    assert changed(copy) == files
    for name in RESOURCES:  # only a copy has them inside the package
        (copy / "crm_plugin" / name).unlink()
    check = "from importlinter.cli import lint_imports_command as check; check()"
    assert "0 broken" in python(copy, "-c", check, "--no-cache")
