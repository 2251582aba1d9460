"""Small wrong changes of the code, and whether a test notices: ``make mutants SEED=1 N=60``.

Each mutant is one change of logic in one file, chosen at random and weighted by lines. It is made in a
temporary copy of the tree, never here, and the tests nearest to the file run against it on SQLite: first
those that import the module, then those of its capability and the whole road. A table says what was seen.
``--only PATH:LINE`` makes the mutants of one line again.
"""

import argparse
import ast
import copy
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.project.tree import RESOURCES, ROOT, files, python_files, text_of

SECONDS = (150, 200)
"""For the tests nearest to a mutant, and for those around them: what takes longer is stopped."""
LEFT_OUT = ("_build", "demo", "hostkit", "translations")
"""Parts of the package that no installation needs for its work."""
IMPORTING, KIN = 12, 4
"""Test files run at once: so many that import a module, so many that name what is in it."""
AROUND = ("tests/test_flow.py",)
TWISTED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}


@dataclass(frozen=True)
class Mutant:
    """One change: of a file, at a line, from and to what, and the whole new text of the file."""

    path: Path
    line: int
    before: str
    after: str
    text: str


def sites(source: str) -> list[tuple[int, int]]:
    """Return each place for a wrong change: (number of the node, kind of change)."""
    nodes = enumerate(ast.walk(ast.parse(source)))
    return [(number, kind) for number, node in nodes for kind in range(2) if _twist(copy.copy(node), kind)]


def mutant(path: Path, source: str, number: int, kind: int) -> Mutant:
    """Make the wrong change at one place."""
    tree = ast.parse(source)
    node = list(ast.walk(tree))[number]
    before = ast.unparse(node)
    _twist(node, kind)
    ast.fix_missing_locations(tree)
    line: int = getattr(node, "lineno", 0)
    return Mutant(path, line, before, ast.unparse(node), ast.unparse(tree))


def _twist(node: ast.AST, kind: int) -> bool:
    """Change a node in place; tell whether there was something to change.

    :param kind: a node with a condition has two changes: its own, and its condition turned round.
    """
    if kind:
        if isinstance(node, ast.If | ast.IfExp | ast.While) and not isinstance(node.test, ast.Constant):
            node.test = ast.UnaryOp(ast.Not(), node.test)
            return True
        return False
    match node:
        case ast.Compare(ops=[operator]) if type(operator) in TWISTED:
            node.ops = [TWISTED[type(operator)]()]
        case ast.BoolOp():
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        case ast.Constant(value=bool(value)):
            node.value = not value
        case ast.Constant(value=int(value)):
            node.value = value + 1
        case ast.Expr(value=ast.Call()):
            node.value = ast.Constant(None)
        case _:
            return False
    return True


def chosen(seed: int, count: int, only: str = "") -> list[Mutant]:
    """Choose mutants: a file by its lines, then one of its changes."""
    dice = random.Random(seed)
    paths = [path for path in python_files("crm_plugin", "hooks") if not set(path.parts) & set(LEFT_OUT)]
    if only:
        name, _, line = only.partition(":")
        text = text_of(Path(name))
        return [one for place in sites(text) if (one := mutant(Path(name), text, *place)).line == int(line)]
    sources = {path: text_of(path) for path in paths}
    weights = [sources[path].count("\n") for path in paths]
    found: list[Mutant] = []
    while len(found) < count:
        (path,) = dice.choices(paths, weights)
        if places := sites(sources[path]):
            one = mutant(path, sources[path], *dice.choice(places))
            found += [one] if one not in found else []
    return found


def nearest(path: Path) -> list[str]:
    """Return test files that import this module, smallest first, and those that name most that is in it."""
    module = ".".join(path.with_suffix("").parts)
    module = module if module.startswith("crm_plugin") else f"crm_plugin.{module}"
    package, _, name = module.removesuffix(".__init__").rpartition(".")
    spelt = (f"{package}.{name} import", f"import {package}.{name}", f"from {package} import", f'"{module}')
    tests = [
        one for one in python_files("tests") if one.name.startswith("test_") and "bench" not in one.parts
    ]
    found = [one for one in tests if any(_names(text_of(one), words, name) for words in spelt)]
    importing = sorted(found, key=lambda one: text_of(one).count("\n"))[:IMPORTING]
    words = _words(text_of(path))
    shared = sorted(tests, key=lambda one: -sum(word in text_of(one) for word in words))[:KIN]
    return [str(one) for one in dict.fromkeys([*importing, *shared])]


def _words(source: str) -> set[str]:
    """Return names and addresses by which a test may know a file that it does not import."""
    nodes = list(ast.walk(ast.parse(source)))
    named = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    addresses = {text.partition("<")[0] for text in texts if text.startswith("/")}
    return {word for word in named | addresses if len(word) > 5}


def _names(text: str, words: str, name: str) -> bool:
    at = text.find(words)
    return at >= 0 and (not words.startswith("from") or name in text[at : text.find("\n\n", at)])


def around(path: Path) -> list[str]:
    """Return the tests of the capability, of the pages, and of the whole road."""
    room = path.parts[1] if path.parts[0] == "crm_plugin" else path.parts[0]
    folders = [f"tests/{room}"] if (ROOT / "tests" / room).is_dir() else []
    return [*folders, *AROUND, *(["tests/web"] if room in ("profiles", "links", "host") else [])]


def copied(folder: Path) -> Path:
    """Copy the tree, its packages where they are imported from."""
    target = folder / "tree"
    for path in files():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, target / path)
    for name in RESOURCES:
        (target / "crm_plugin" / name).symlink_to(target / name)
    if (bundle := ROOT / "crm_plugin/web/static/dist").is_dir():
        shutil.copytree(bundle, target / "crm_plugin/web/static/dist")
    subprocess.run(["git", "init", "--quiet"], cwd=target, check=True)
    return target


def verdict(tree: Path, one: Mutant) -> str:
    """Run the tests against a mutant; ``seen``, ``unseen``, or ``late`` when time was up."""
    place = tree / one.path
    right = place.read_text("utf-8")
    place.write_text(one.text, "utf-8")
    try:
        late = False
        for tests, seconds in zip((nearest(one.path), around(one.path)), SECONDS, strict=True):
            code = _run(tree, tests, seconds) if tests else 0
            if code not in (0, 5, None):
                return "seen"
            late = late or code is None
        return "late" if late else "unseen"
    finally:
        place.write_text(right, "utf-8")


def _run(tree: Path, tests: list[str], seconds: int) -> int | None:
    """Run tests; their exit code, or None when they did not end in time."""
    words = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--db", "sqlite", *tests]
    process = subprocess.Popen(
        words, cwd=tree, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return None


def main() -> None:
    """Print a line for each mutant, and the sum."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("seed", type=int, nargs="?", default=1)
    options.add_argument("count", type=int, nargs="?", default=60)
    options.add_argument("--only", default="", help="PATH:LINE of which to make all mutants")
    options.add_argument("--first", type=int, default=1, help="number of the mutant to begin with")
    options.add_argument("--part", default="1/1", help="2/3: the second third, for several processes")
    given = options.parse_args()
    sums: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree = copied(Path(folder))
        part, parts = map(int, given.part.split("/"))
        for number, one in enumerate(chosen(given.seed, given.count, given.only), 1):
            if number < given.first or number % parts != part % parts:
                continue
            began = time.monotonic()
            found = verdict(tree, one)
            sums[found] = sums.get(found, 0) + 1
            change = f"`{one.before[:70]}` → `{one.after[:70]}`".replace("\n", " ")
            took = time.monotonic() - began
            print(f"| {number} | {one.path}:{one.line} | {change} | {found} | {took:.0f} s |", flush=True)
    print(", ".join(f"{count} {name}" for name, count in sorted(sums.items())))


if __name__ == "__main__":
    main()
