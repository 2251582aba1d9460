"""What only tests call is no part of the package: each public name of it is used by the package itself."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.project.tree import python_files, text_of

PROMISED: dict[str, str] = {
    "crm_plugin.campaigns.ledger.campaign_states.STATES": "says in one place which states there are",
    "crm_plugin.host.base.PythonHost": "base class for hosts in other packages (docs/hosts.md)",
    "crm_plugin.kernel.migrate.check": "what the author of a new migration asks",
    "crm_plugin.kernel.kill_points.STEPS": "where a worker can be killed; the kill tests walk it",
    "crm_plugin.segments.language.value_types.KINDS": "the language as a whole, which properties walk",
}
"""Name → who uses it, where the package has no need of it."""
ATTRIBUTES = ("COMMANDS", "ROUTES", "WORDS")
"""Lists that each file of a kind has, and that are read from a file in a loop."""
PROMISED_IN = ("host/hookspecs.py", "host/records.py", "host/sql.py", "hostkit/", "_build/", "demo/")
"""Contracts that hosts in other packages use, programs of their own, and the reference school."""
DOTTED = re.compile(r"\b(crm_plugin(?:\.\w+)+)[.:](\w+)")
Use = tuple[str, str]
"""(module, name)"""


def _module(path: Path) -> str:
    parts = path.with_suffix("").parts
    parts = parts if parts[0] == "crm_plugin" else ("crm_plugin", *parts)
    return ".".join(parts).removesuffix(".__init__")


@cache
def _trees() -> dict[str, tuple[Path, ast.Module]]:
    paths = python_files("crm_plugin", "hooks", "migrations")
    return {_module(path): (path, ast.parse(text_of(path))) for path in paths}


def _uses(module: str, tree: ast.Module) -> Iterator[Use]:
    """Yield what a file uses: of itself, by import, by an imported module, and by a dotted name in a text."""
    modules: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom():
                origin = _origin(module, node)
                for one in node.names:
                    if f"{origin}.{one.name}" in _trees():
                        modules[one.asname or one.name] = f"{origin}.{one.name}"
                    yield origin, one.name
            case ast.Import():
                modules |= {one.asname: one.name for one in node.names if one.asname}
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in modules:
                yield modules[name], attribute
            case ast.Name(id=name, ctx=ast.Load()):
                yield module, name
            case ast.Constant(value=str(text)):
                yield from DOTTED.findall(text)


def _origin(module: str, node: ast.ImportFrom) -> str:
    """Return the module that is imported from; a dot is the folder of the file."""
    if not node.level:
        return node.module or ""
    path, _tree = _trees()[module]
    folder = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return f"{folder}.{node.module}" if node.module else folder


@cache
def used() -> frozenset[Use]:
    """What the package and its entry points use."""
    found = {use for module, (_path, tree) in _trees().items() for use in _uses(module, tree)}
    return frozenset(found | set(DOTTED.findall(text_of(Path("pyproject.toml")))))


def _public(tree: ast.Module) -> Iterator[str]:
    """Yield functions, classes and constants of a file that nothing hands on by a decorator."""
    for node in tree.body:
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                if all("dataclass" in ast.unparse(one) for one in node.decorator_list):
                    yield node.name
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name


def _is_table(tree: ast.Module, name: str) -> bool:
    """A table is in the metadata by being written down."""
    classes = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    return any("__tablename__" in ast.unparse(node) for node in classes)


def unused() -> list[str]:
    """Return public names that nothing in the package uses."""
    return [
        f"{module}.{name}"
        for module, (path, tree) in _trees().items()
        if path.parts[0] != "migrations" and not any(part in str(path) for part in PROMISED_IN)
        for name in _public(tree)
        if not name.startswith("_") and name not in ATTRIBUTES
        if (module, name) not in used() and not _is_table(tree, name)
    ]


def test_the_package_uses_what_it_offers() -> None:
    assert set(unused()) - set(PROMISED) == set(), "only tests call these: move them, or say who else does"
    assert not [name for name in PROMISED if tuple(name.rsplit(".", 1)) in used()], "these are used by now"
