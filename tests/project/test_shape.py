"""The shape of the repository: sizes, names at the top, package list, what must never be committed."""

import ast
import re
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from tests.project.tree import RESOURCES, ROOT, files, python_files, text_of

TOP_LEVEL = (
    "pyproject.toml crm_plugin hooks templates migrations sms_templates tests docs README.md Makefile "
    "LICENSE MANIFEST.in .ci .gitignore .gitattributes .git-blame-ignore-revs .editorconfig "
    "requirements*.txt package.json package-lock.json"
).split()
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50
MAX_TEMPLATE_WIDTH = 160
"""A longer line hides in a diff what changed in it."""
RUN_TIME_EXTRAS = ("embedded", "mariadb", "postgresql", "serve", "webhooks")
WRITTEN = {".py", ".html", ".js", ".css", ".md", ".toml"}

# Each is broken in two here, so that this file does not hold what it looks for.
PLACES = r"/wor|k/ /ro|ot/ /ho|me/\w /op|t/ pypi|\.org pythonhosted|\.org npmjs|\. deb|\.debian".split()
DEBTS = r"\bTO|DO\b \bFIX|ME\b \bXX|X\b".split()
NEVER_WRITTEN = re.compile("|".join(word.replace("|", "") for word in PLACES + DEBTS))


def _pyproject() -> dict[str, Any]:
    return tomllib.loads(text_of(Path("pyproject.toml")))


def _functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(text_of(path))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def _is_generated(path: Path) -> bool:
    """Migrations are written by Alembic: one function, as long as the tables are many."""
    return path.parts[:2] == ("migrations", "versions")


def test_only_known_names_lie_at_the_top() -> None:
    strange = {path.parts[0] for path in files()} - {
        path.parts[0] for path in files() if any(fnmatch(path.parts[0], known) for known in TOP_LEVEL)
    }
    assert not strange


def test_no_file_is_too_long() -> None:
    long = {
        str(path): lines
        for path in files()
        if path.suffix in WRITTEN
        and not _is_generated(path)
        and (lines := text_of(path).count("\n")) > MAX_FILE_LINES
    }
    assert not long


def test_no_line_of_a_template_is_too_wide() -> None:
    wide = [
        f"{path}:{number}"
        for path in files()
        if path.parts[0] == "templates" and path.suffix == ".html"
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if len(line) > MAX_TEMPLATE_WIDTH
    ]
    assert not wide


def test_no_function_is_too_long() -> None:
    long = {
        f"{path}:{node.name}": lines
        for path in python_files()
        if not _is_generated(path)
        for node in _functions(path)
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > MAX_FUNCTION_LINES
    }
    assert not long


def test_package_list_is_the_tree() -> None:
    found = {"crm_plugin", *(f"crm_plugin.{name}" for name in RESOURCES)}
    for path in python_files("crm_plugin", *RESOURCES):
        if path.parts[1] != "_build":  # the build backend; it stays out of the wheel
            folders = path.parts[:-1] if path.parts[0] == "crm_plugin" else ("crm_plugin", *path.parts[:-1])
            found.add(".".join(folders))
    assert sorted(found) == _pyproject()["tool"]["setuptools"]["packages"]


def test_every_folder_with_python_is_a_package() -> None:
    folders = {path.parent for path in python_files() if path.parts[:2] != ("crm_plugin", "_build")}
    assert not [str(folder) for folder in folders if not (ROOT / folder / "__init__.py").exists()]


def test_every_data_file_ships() -> None:
    data = _pyproject()["tool"]["setuptools"]["package-data"]
    unshipped = [
        str(path)
        for path in files()
        if path.parts[0] in ("crm_plugin", *RESOURCES)
        and path.suffix not in (".py", ".po")
        and path.parts[:2] != ("crm_plugin", "_build")
        and path.parts[:3] != ("crm_plugin", "web", "assets")
        and not _ships(path, data)
    ]
    assert not unshipped


def _ships(path: Path, data: dict[str, list[str]]) -> bool:
    """Whether a pattern of some package takes the file; patterns are matched as setuptools' globs."""
    installed = path if path.parts[0] == "crm_plugin" else Path("crm_plugin") / path
    for package, patterns in data.items():
        folder = Path(*package.split("."))
        if installed.is_relative_to(folder):
            rest = installed.relative_to(folder).as_posix()
            if any(fnmatch(rest, pattern.replace("**/", "*")) for pattern in patterns):
                return True
    return False


def test_nothing_names_a_machine_a_registry_or_a_debt() -> None:
    named = {str(path): found[0] for path in files() if (found := NEVER_WRITTEN.search(text_of(path)))}
    assert not named


def test_locks_carry_hashes_and_no_addresses() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        entries = re.split(r"\n(?=\S)", text_of(Path(name)))
        assert all("--hash=sha256:" in entry for entry in entries if not entry.startswith("#"))
    assert '"resolved"' not in text_of(Path("package-lock.json"))


def test_locks_hold_what_is_declared() -> None:
    project = _pyproject()["project"]
    run = [project["dependencies"], *(project["optional-dependencies"][name] for name in RUN_TIME_EXTRAS)]
    develop = [*run, project["optional-dependencies"]["test"], project["optional-dependencies"]["dev"]]
    for name, groups in {"requirements.txt": run, "requirements-dev.txt": develop}.items():
        locked = set(re.findall(r"^([\w.-]+)==", text_of(Path(name)), re.MULTILINE))
        wanted = {_distribution(word) for words in groups for word in words} - {"crm-plugin"}
        assert wanted <= locked, f"run `make lock` for {name}"


def test_what_is_built_is_not_committed() -> None:
    built = ("dist/", ".egg-info", "node_modules/", "__pycache__")
    assert not [str(path) for path in files() if any(part in path.as_posix() for part in built)]


def test_every_import_is_declared() -> None:
    declared = {_module(word) for word in _pyproject()["project"]["dependencies"]}
    extras = _pyproject()["project"]["optional-dependencies"]
    declared |= {_module(word) for name in RUN_TIME_EXTRAS for word in extras[name]}
    known = declared | sys.stdlib_module_names | {"crm_plugin"}
    strange = {
        f"{path}: {name}"
        for path in python_files("crm_plugin", *RESOURCES)
        if path.parts[1] != "_build" and path.parts[:2] != ("crm_plugin", "hostkit")
        for name in _imported(path)
        if name not in known
    }
    assert not strange


def _module(requirement: str) -> str:
    """The name under which a declared distribution is imported."""
    name = _distribution(requirement).replace("-", "_")
    return {"argon2_cffi": "argon2"}.get(name, name)


def _imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(text_of(path))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def _distribution(requirement: str) -> str:
    """The normalised name of a declared distribution."""
    return re.split(r"[\[><=;! ]", requirement, maxsplit=1)[0].lower().replace("_", "-")
