"""Every word of the school has its Chinese."""

import json
import re
from importlib.resources import files
from pathlib import Path

_SAID = re.compile(r"""(?:\b_|say|Refused)\(\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\s*[,)]""")


def _said() -> set[str]:
    folders = (Path(str(files("crm_plugin.templates") / "demo")), Path(str(files("crm_plugin.demo"))))
    found = [path for folder in folders for path in (*folder.rglob("*.html"), *folder.rglob("*.py"))]
    return {word[1:-1] for path in found for word in _SAID.findall(path.read_text("utf-8"))}


def test_what_is_said_is_translated_with_the_same_places() -> None:
    chinese = json.loads((files("crm_plugin.demo") / "zh.json").read_text("utf-8"))
    said = _said()
    assert len(said) > 150
    assert said - set(chinese) == set()
    assert [
        k for k, v in chinese.items() if set(re.findall(r"{\w+}", k)) != set(re.findall(r"{\w+}", v))
    ] == []
