"""The import rule, and the proof that it finds what it forbids: offences planted in a copy of the tree."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.tree import RESOURCES, ROOT, files, python_files, text_of

OFFENCES = {
    "up": ("kernel/planted.py", "import crm_plugin.segments", "Imports run down"),
    "up, deferred": ("host/planted.py", "def later(): import crm_plugin.profiles", "Imports run down"),
    "sideways": ("links/planted.py", "import crm_plugin.channels", "Imports run down"),
    "package without a row": ("planted/__init__.py", "", "Imports run down"),
    "hooks by their folder": ("web/shell/planted.py", "import hooks", "Nothing imports the hooks"),
    "Flask in a capability": (
        "segments/language/planted.py",
        "from flask import request",
        "Capabilities never",
    ),
    "SQL in web": ("web/shell/planted.py", "import sqlalchemy", "Web never imports"),
    "Redis in web": ("web/shell/planted.py", "import redis", "Web never imports"),
    "RQ in web": ("web/shell/planted.py", "import rq", "Web never imports"),
    "requests in web": ("web/shell/planted.py", "import requests", "Web never imports"),
    "raw clicks outside links": (
        "campaigns/ledger/planted.py",
        "import crm_plugin.links.models",
        "Only links",
    ),
    "ledger outside campaigns": (
        "dashboard/planted.py",
        "import crm_plugin.campaigns.models",
        "Only campaigns",
    ),
    "up the rooms of profiles": (
        "profiles/store/planted.py",
        "import crm_plugin.profiles.sync",
        "Rooms of profiles",
    ),
    "sideways in profiles": (
        "profiles/facts/planted.py",
        "import crm_plugin.profiles.consent",
        "Rooms of profiles",
    ),
    "up the rooms of segments": (
        "segments/language/planted.py",
        "import crm_plugin.segments.sql",
        "Rooms of segments",
    ),
    "up the rooms of channels": (
        "channels/sms/planted.py",
        "import crm_plugin.channels.registry",
        "Rooms of channels",
    ),
    "up the rooms of campaigns": (
        "campaigns/ledger/planted.py",
        "import crm_plugin.campaigns.launch",
        "Rooms of campaigns",
    ),
    "up the rooms of web": ("web/shell/planted.py", "import crm_plugin.web.people", "Rooms of web"),
    "a room without a place": ("segments/planted/__init__.py", "", "Rooms of segments"),
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of all that the import rule looks at."""
    for path in files():
        if path.parts[0] in ("crm_plugin", "hooks", "pyproject.toml"):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, tmp_path / path)
    return tmp_path


def _broken(tree: Path) -> list[str]:
    """The contracts that are broken in this tree; fails where the checker itself fails."""
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-cache"], cwd=tree, capture_output=True, text=True, check=False)
    assert "Contracts: " in done.stdout, done.stdout + done.stderr
    broken = re.findall(r"^(.+) BROKEN$", done.stdout, re.MULTILINE)
    assert bool(broken) == bool(done.returncode)
    return broken


def test_rule_is_kept(copy: Path) -> None:
    assert _broken(copy) == []


@pytest.mark.parametrize("offence", OFFENCES)
def test_planted_offence_is_found(copy: Path, offence: str) -> None:
    place, line, contract = OFFENCES[offence]
    planted = copy / "crm_plugin" / place
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(line + "\n")
    (found,) = _broken(copy)
    assert found.startswith(contract)


def _imports_hooks(source: str) -> bool:
    """Whether a module imports the hooks, under whichever of their names, anywhere in it."""
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        if any(re.match(r"(crm_plugin\.)?hooks(\.|$)", name) for name in names):
            return True
    return False


def test_package_never_imports_the_installed_hooks() -> None:
    # In a checkout the checker sees the folder as `hooks`; it cannot see `crm_plugin.hooks`.
    assert not [str(path) for path in python_files("crm_plugin") if _imports_hooks(text_of(path))]


def test_nothing_imports_a_mapped_folder_by_its_bare_name() -> None:
    bare = re.compile(rf"^\s*(from|import) ({'|'.join(RESOURCES)})(\.| |$)", re.MULTILINE)
    assert not [str(path) for path in python_files() if bare.search(text_of(path))]


@pytest.mark.parametrize(
    "line",
    ["import crm_plugin.hooks.moodle", "from crm_plugin import hooks", "def f(): from hooks import moodle"],
)
def test_import_of_hooks_is_found(line: str) -> None:
    assert _imports_hooks(line)
    assert not _imports_hooks("import crm_plugin.host.hookspecs")
