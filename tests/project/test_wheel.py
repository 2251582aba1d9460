"""The wheel: it holds what it should, and the whole road runs on it from another folder."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.project.tree import RESOURCES, ROOT, files

DIST = Path("crm_plugin/web/static/dist")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from an sdist of the tree, so that the sdist is proven too."""
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"
    bundle = (ROOT / DIST).iterdir() if (ROOT / DIST).exists() else ()
    for path in [*files(), *(found.relative_to(ROOT) for found in bundle)]:
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tree / path)
    _run([_program("uv"), "build", "--quiet", "--python", sys.executable, "--out-dir", folder], tree)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment with the wheel in it, beside the libraries of ours."""
    return _environment(tmp_path_factory.mktemp("environment"), wheel)


def _environment(folder: Path, *packages: Path | str) -> Path:
    """A fresh environment with just these packages; all others are those that the tests run with."""
    _run([_program("uv"), "venv", "--quiet", "--python", sys.executable, folder / "venv"], folder)
    python = folder / "venv" / "bin" / "python"
    _run([_program("uv"), "pip", "install", "--quiet", "--python", python, "--no-deps", *packages], folder)
    # A path file adds our libraries, but not what the path files among them would add: the checkout.
    site = next(folder.glob("venv/lib/python*/site-packages"))
    (site / "libraries.pth").write_text(str(Path(pytest.__file__).parents[1]) + "\n")
    return python


def test_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"crm_plugin"}
    wrong = ("/_build/", "web/assets/", ".pyc", "node_modules")
    assert not [name for name in names if any(part in name for part in wrong)]


def test_holds_every_module_resource_and_the_bundle(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        (path if path.parts[0] == "crm_plugin" else "crm_plugin" / path).as_posix()
        for path in files()
        if path.parts[0] in ("crm_plugin", *RESOURCES)
        and "_build" not in path.parts
        and path.parts[:3] != ("crm_plugin", "web", "assets")
    }
    bundle = {(DIST / path.name).as_posix() for path in (wheel.parent / "tree" / DIST).iterdir()}
    assert {Path(name).suffix for name in bundle} >= {".js", ".css", ".json"}
    assert (expected | bundle) - names == set()


def test_the_road_runs_on_it_from_another_folder(python: Path, tmp_path: Path) -> None:
    _copy_tests(tmp_path)
    where = "import crm_plugin.hooks; print(crm_plugin.__file__, crm_plugin.hooks.__file__)"
    for found in _run([python, "-c", where], tmp_path).split():
        assert Path(found).is_relative_to(python.parents[1])
    # Which database it is changes nothing about what a wheel holds.
    _run([*_pytest(python), "--db", "sqlite", "tests/test_flow.py"], tmp_path)


@pytest.mark.parametrize(
    "tests",
    [
        ["tests/kernel/test_worker.py"],
        pytest.param(["tests/kernel"], marks=pytest.mark.long),
    ],
    ids=["short", "kernel"],
)
def test_the_road_runs_on_the_oldest_libraries_allowed(wheel: Path, tmp_path: Path, tests: list[str]) -> None:
    """RQ 2.12, SQLAlchemy 2.0 and marshmallow 3 among them: what a host may have pinned."""
    options = ["--quiet", "--resolution", "lowest-direct", "--extra", "all", "--no-header", "--no-annotate"]
    resolved = _run([_program("uv"), "pip", "compile", *options, ROOT / "pyproject.toml"], tmp_path)
    python = _environment(tmp_path, wheel, *resolved.split("\n")[:-1])
    _copy_tests(tmp_path)
    assert _run([python, "-c", "import rq; print(rq.VERSION)"], tmp_path).strip() == "2.12.0"
    # Old libraries warn of themselves (redis 5.0 forgets a socket); only the newest must be silent.
    forgiving = ["-W", "default", "--db", "sqlite"]
    _run([*_pytest(python), *forgiving, *tests, "tests/test_flow.py"], tmp_path)


def _copy_tests(folder: Path) -> None:
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)  # for its pytest settings


def _pytest(python: Path) -> list[str | Path]:
    return [python, "-m", "pytest", "-q", "-p", "no:cacheprovider"]


def _program(name: str) -> Path:
    return Path(sys.executable).with_name(name)


def _run(command: list[str | Path], folder: Path) -> str:
    """What a command prints; the test fails with all its output when it fails."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, env=ours, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"{command[0]} failed:\n{done.stdout[-5000:]}{done.stderr[-3000:]}")
    return done.stdout
