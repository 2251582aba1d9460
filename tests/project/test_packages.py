"""Each package says what belongs in it; each capability names its rooms."""

import ast
from pathlib import Path

from tests.project.tree import python_files, text_of

LEAST = 80
"""Characters that say what belongs in a package: a room named by its own name has fewer."""


def packages() -> dict[Path, str]:
    """Folder of a package → its docstring."""
    found = {}
    for path in python_files("crm_plugin"):
        if path.name == "__init__.py" and path.parts[1] != "_build":
            found[path.parent] = ast.get_docstring(ast.parse(text_of(path))) or ""
    return found


def test_each_package_says_what_belongs_in_it() -> None:
    found = packages()
    assert len(found) > 50
    assert [str(folder) for folder, text in found.items() if len(text) < LEAST] == []


def test_each_capability_names_its_rooms() -> None:
    found = packages()
    unnamed = [
        str(room) for room in found if len(room.parts) == 3 and f"``{room.name}``" not in found[room.parent]
    ]
    assert unnamed == []
