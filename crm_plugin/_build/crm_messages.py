"""Writes the catalogues: crm_plugin/translations/<language>/LC_MESSAGES/crm.po, by Babel.

`python crm_plugin/_build/crm_messages.py` reads every text of the code and the templates, adds the new
ones to each catalogue and removes those that are gone. What needs a translator is empty or marked fuzzy.
A reference names the file and no line, and no date is written: a catalogue changes only with its texts.
"""

import ast
import re
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir, extract_python
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "crm_plugin" / "translations"
KEYWORDS: dict[str, Any] = {
    "Text": {1: (1,), 2: (1, (2, "c"))},
    "Clause": None,
    "say": None,
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "Setting": (4,),
}
"""What a text is handed to, in code and templates."""
_OTHERS = re.compile(r"crm_plugin/(_build|demo|hostkit|translations|web/assets|web/static)/")
"""The demo school has words of its own; the kit speaks on a terminal."""
_CODE = re.compile(r"[a-z_]+\.[a-z0-9_]+")


def extract_errors(file: IO[bytes], keywords: Any, tags: Any, options: Any) -> Iterator[Any]:
    """Yield the texts of a table "code of an error → message", and what any code has besides."""
    for node in ast.walk(ast.parse(file.read())):
        for key, value in zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) else ():
            if _is_text(key) and _CODE.fullmatch(key.value) and _is_text(value):
                yield value.lineno, "_", value.value, []
    file.seek(0)
    yield from extract_python(file, keywords, tags, options)


def _is_text(node: Any) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


METHODS: list[tuple[str, Any]] = [
    ("crm_plugin/**/errors.py", extract_errors),
    ("crm_plugin/**.py", "python"),
    ("templates/crm/**.html", "jinja2"),
    ("templates/serve/**.html", "jinja2"),
]


def texts(root: Path = ROOT) -> Catalog:
    """Every text of the package, as a catalogue without translations."""
    found = Catalog()
    for top in ("crm_plugin", "templates"):
        methods = [(pattern.removeprefix(f"{top}/"), how) for pattern, how in METHODS if pattern.startswith(top)]
        for name, _, text, _, context in extract_from_dir(root / top, methods, keywords=KEYWORDS):
            path = f"{top}/{name}"
            if not _OTHERS.match(path):
                found.add(text, locations=[(path, 1)], context=context)
    return found


def renewed(old: bytes, locale: str, template: Catalog) -> bytes:
    """A catalogue as it should stand: with all texts, and none that is gone."""
    catalogue = read_po(BytesIO(old), locale=locale)
    catalogue.update(template)
    catalogue.obsolete.clear()
    new = BytesIO()
    options = {"omit_header": True, "sort_output": True, "include_lineno": False, "ignore_obsolete": True}
    write_po(new, catalogue, width=110, **options)
    plural = f"nplurals={catalogue.num_plurals}; plural={catalogue.plural_expr};"
    return _HEAD.format(locale=locale, plural=plural).encode() + new.getvalue()


_HEAD = r"""# Written by `make messages`; only the lines that begin with msgstr are for translators.
msgid ""
msgstr ""
"Language: {locale}\n"
"MIME-Version: 1.0\n"
"Content-Type: text/plain; charset=utf-8\n"
"Content-Transfer-Encoding: 8bit\n"
"Plural-Forms: {plural}\n"

"""


def unfinished(po: bytes, locale: str) -> list[str]:
    """The texts that a translator still has to look at."""
    entries = [entry for entry in read_po(BytesIO(po), locale=locale) if entry.id]
    return [str(entry.id) for entry in entries if entry.fuzzy or not _is_said(entry.string)]


def _is_said(string: Any) -> bool:
    return all(string) if isinstance(string, (tuple, list)) else bool(string)


def write(root: Path = ROOT) -> list[str]:
    """Write all catalogues; return what is left to translate, a line each."""
    template, left = texts(root), []
    for path in sorted((root / "crm_plugin" / "translations").glob("*/LC_MESSAGES/crm.po")):
        locale = path.parts[-3]
        po = renewed(path.read_bytes(), locale, template)
        path.write_bytes(po)
        left += [f"{locale}: to be translated: {text}" for text in unfinished(po, locale)]
    return left


if __name__ == "__main__":
    for line in write():
        print(line, file=sys.stderr)
