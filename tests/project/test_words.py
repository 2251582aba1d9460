"""Words of pages, errors and documentation are those of docs/glossary.md, and sentences are short."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from crm_plugin.kernel.i18n import FOLDER
from tests.project.tree import ROOT, files, python_files, text_of

EVERYWHERE = (
    *(
        "anew",
        "deeds?",
        "whereof",
        "whom to spare",
        "takings",
        "saved search(es)?",
        "told",
        "mend(s|ed|ing)?",
    ),
    *("(it|they|pre-flight|report|page) tells?", "ticked", "unticked", "what came of it"),
)
"""Words that nobody says today, or that say another thing than they used to."""
ON_PAGES = (
    "launch(es|ed)?",
    "ticks?",
    "(?<!small )(?<!two )(?<!has )letters?(?! (or|and) digits)(?!, digits)(?!})",
    "pre-flight",
    "takes? back",
    *("called spam", "to whom"),
)
"""Of pages and errors besides: documentation and API say launch."""
IN_CODE = ("tells?", "telling", "whom", "whoever", "takes? back", "taken back")
"""Of documentation and docstrings besides: a school provides a fact, a function returns an answer."""
IN_MODULES = ("asked", "desk", "search(es)?", "pre-flight")
"""Of the docstring of a file besides: rights are checked, and a filter tree is a segment."""
SUBJECT = r"(^|[.;:!?] )(Who|Whoever|who|whoever) (?!to\b|can\b)\w+(?! .*\?)"
"""A clause for a subject: say people."""
CHINESE = ("触达", "营销活动", "主题(?!：)", "通道", "沉寂", "勾选", "受众", "纳入考虑", "丢弃", "将会送达")
CODE = ("crm_plugin", "hooks", "migrations")
"""Folders of the package."""
LONGEST = 20
"""Words of a sentence."""
_BLANKS = re.compile(r"%\(\w+\)s|\$?\{+[^{}]*\}+")


def pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"\b({'|'.join(words)})\b", re.I)


def texts() -> Iterator[tuple[str, str]]:
    """Yield (English, Chinese) of each text, a plural's last form."""
    with (FOLDER / "zh" / "LC_MESSAGES" / "crm.po").open("rb") as file:
        for one in read_po(file, locale="zh"):
            if one.id and one.context not in ("topic", "date pattern"):
                english = one.id if isinstance(one.id, str) else one.id[-1]
                yield english, str(one.string if isinstance(one.string, str) else one.string[-1])  # type: ignore[index]


def prose(text: str) -> str:
    """Return a page of documentation without code and pictures."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    return re.sub(r"^    .*$|`[^`\n]*`|\]\([^)]*\)", "", text, flags=re.M)


def test_no_text_has_a_word_that_we_do_not_say() -> None:
    forbidden = pattern(EVERYWHERE + ON_PAGES)
    found = [english for english, _ in texts() if forbidden.search(english) or re.search(SUBJECT, english)]
    assert found == []


def test_no_chinese_text_has_a_word_that_we_do_not_say() -> None:
    forbidden = re.compile("|".join(CHINESE))
    allowed = re.compile("邮件主题")
    assert [chinese for _, chinese in texts() if forbidden.search(allowed.sub("", chinese))] == []


@pytest.mark.parametrize("path", [one for one in files() if one.suffix == ".md"], ids=str)
def test_no_page_of_documentation_has_one(path: Path) -> None:
    text = " ".join(prose(text_of(path)).split())
    assert pattern(EVERYWHERE + IN_CODE).findall(text) == []
    assert not re.search(SUBJECT, text)


def test_no_template_has_one() -> None:
    templates = [one for one in files() if one.parts[:2] in (("templates", "crm"), ("templates", "serve"))]
    assert templates
    assert [str(one) for one in templates if pattern(EVERYWHERE).search(text_of(one))] == []


def docstrings(*, modules: bool) -> Iterator[tuple[str, str]]:
    """Yield (place, text on one line) of what documents a module, or a class, function or name in one."""
    for path in python_files(*CODE):
        for node in ast.walk(ast.parse(text_of(path))):
            body = getattr(node, "body", None)
            for at, one in enumerate(body if isinstance(body, list) else []):
                text = (
                    one.value.value
                    if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)
                    else None
                )
                if isinstance(text, str) and modules == (isinstance(node, ast.Module) and at == 0):
                    yield f"{path}:{one.lineno}", re.sub(r":param \w+:", "", " ".join(text.split()))


def test_no_docstring_of_a_module_has_one() -> None:
    forbidden = pattern(EVERYWHERE + IN_CODE + IN_MODULES)
    found = list(docstrings(modules=True))
    assert len(found) > 400
    assert [at for at, text in found if forbidden.search(text) or re.search(SUBJECT, text)] == []


def test_no_other_docstring_has_one() -> None:
    forbidden = pattern(EVERYWHERE + IN_CODE)
    found = list(docstrings(modules=False))
    assert len(found) > 2000
    assert [at for at, text in found if forbidden.search(text) or re.search(SUBJECT, text)] == []


def test_sentences_are_short() -> None:
    """Blanks count as one word."""
    found = []
    for english, _ in texts():
        for sentence in re.split(r"[.:;?!](?:\s|$)", _BLANKS.sub("X", english)):
            if len(sentence.split()) > LONGEST:
                found.append(sentence)
    assert found == []


def sentences(page: str) -> Iterator[str]:
    """Yield the sentences of a page outside tables; code counts as one word."""
    text = re.sub(r"^```.*?^```|<!--.*?-->|<img[^>]*>|!\[[^\]]*\]\([^)]*\)", "", page, flags=re.M | re.S)
    text = re.sub(r"^(    |\|).*$", "", text, flags=re.M)
    text = re.sub(r"\]\([^)]*\)", "]", re.sub(r"`[^`]*`", "X", text))
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:-|\d+\.) |#)", text):
        yield from re.split(r"[.:;?!](?=[*\s)]|$)", " ".join(block.split()))


PROSE = [path for path in files() if path.suffix == ".md" and path.stem not in ("changelog", "using.zh")]


@pytest.mark.parametrize("path", PROSE, ids=str)
def test_sentences_of_documentation_are_short(path: Path) -> None:
    found = list(sentences(text_of(path)))
    assert found
    assert [one for one in found if len(re.findall(r"\S*\w\S*", one)) > LONGEST] == []


def test_the_glossary_has_each_word_once() -> None:
    rows = re.findall(
        r"^\| \*\*(.+?)\*\*.*? \| (\S.*?) \|", (ROOT / "docs" / "glossary.md").read_text("utf-8"), re.M
    )
    assert len(rows) > 40
    words = [word for word, _ in rows]
    assert len(set(words)) == len(words)


def test_the_check_finds_such_words() -> None:
    assert pattern(EVERYWHERE).search("It is counted anew.")
    assert pattern(ON_PAGES).search("Launch now")
    assert pattern(IN_CODE).search("Fields that the school tells.")
    assert pattern(IN_MODULES).search("The reach of a search.")
    assert re.search(SUBJECT, "You may look. Who writes campaigns needs a right.")
    assert not re.search(SUBJECT, "Who to leave out")
    assert len(list(sentences("# One\n\nTwo words. `X y` is three.\n\n- Four\n"))) > 3
