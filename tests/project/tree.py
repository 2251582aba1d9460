"""The repository as the tests of the house see it: files that git knows or would take."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

RESOURCES = ("hooks", "templates", "migrations", "sms_templates")
"""Folders of the top level that install as packages below `crm_plugin`."""


@cache
def files() -> tuple[Path, ...]:
    """Every file that is committed or could be, relative to the root; what git ignores is left out."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(sorted(Path(name) for name in set(listed.split("\0")) if name and (ROOT / name).exists()))


def python_files(*tops: str) -> list[Path]:
    """The Python files below these top folders, or all."""
    return [path for path in files() if path.suffix == ".py" and (not tops or path.parts[0] in tops)]


def text_of(path: Path) -> str:
    """The text of a file named relative to the root; bytes that are no UTF-8 are replaced."""
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")
