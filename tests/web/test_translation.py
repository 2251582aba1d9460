"""Every text of the pages is there in Chinese, with the same blanks to fill in."""

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from babel.messages.extract import extract_from_dir
from flask import Flask, g

import crm_plugin
from crm_plugin.campaigns.launch import lifecycle
from crm_plugin.channels import content
from crm_plugin.channels.sms.carriers.refusals import KINDS
from crm_plugin.kernel.errors import CODES, BadInput, Clause, CrmError
from crm_plugin.kernel.resources import folder
from crm_plugin.segments.language.parse import load
from crm_plugin.segments.language.value_types import INSTANT, NUMBER, Unreadable
from crm_plugin.web.shell import i18n
from crm_plugin.web.shell.menu import host_menu
from crm_plugin.web.shell.vocabulary import word

PACKAGE = Path(crm_plugin.__file__).parent
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "say": None, "mark": None}
BLANK = re.compile(r"%\((\w+)\)s|(?<!\{)\{(\w+)[!:}]")


def texts() -> dict[str, str]:
    """Text → the file that it stands in; of a plural, the form for one."""
    found = dict.fromkeys(CODES.values(), "errors.py")
    for name, _, text, _, _ in extract_from_dir(str(PACKAGE), [("**.py", "python")], {}, {"Clause": None}):
        found[str(text)] = name
    places = (
        (PACKAGE / "web", "**.py", "python"),
        (folder("templates") / "crm", "**.html", "jinja2"),
    )
    for root, files, method in places:
        rows = extract_from_dir(str(root), [(files, method)], {}, keywords=KEYWORDS)
        for name, _, text, _, _ in rows:
            if not name.startswith("public"):  # the public pages have words of their own
                found[text if isinstance(text, str) else text[0]] = name
    return found


def test_no_text_is_untranslated() -> None:
    chinese = i18n.catalogue("zh")
    assert len(chinese) > 400
    assert {text: file for text, file in texts().items() if not all(chinese.get(text, ("",)))} == {}


def test_no_translation_is_left_over() -> None:
    assert set(i18n.catalogue("zh")) - set(texts()) == set()


def test_translations_fill_in_what_the_text_has() -> None:
    for text, forms in i18n.catalogue("zh").items():
        wanted = set(BLANK.findall(text))
        for form in forms:
            assert set(BLANK.findall(form)) == wanted, text


@pytest.mark.parametrize(
    ("wanted", "accepted", "locale"),
    [
        ("zh-CN", "en", "zh"),
        ("zh_Hans_CN", None, "zh"),
        (None, "zh-TW,zh;q=0.9,en;q=0.8", "zh"),
        (None, "fr,en;q=0.5", "en"),
        ("fr", "zh", "zh"),
        (None, None, "en"),
        ("", "*", "en"),
    ],
)
def test_the_reader_chooses_the_language(wanted: str | None, accepted: str | None, locale: str) -> None:
    assert i18n.choose(wanted, accepted) == locale


@pytest.mark.parametrize("kind", [*KINDS, "bounce_5.1.1", "carrier_balance:isv.AMOUNT_NOT_ENOUGH"])
def test_refusals_of_carriers_have_words_in_both_languages(kind: str) -> None:
    said = {}
    for locale in i18n.LOCALES:
        with Flask(__name__).test_request_context():
            g.crm_locale = locale
            said[locale] = word("reason", kind)
    assert said["en"] != said["zh"]
    assert kind not in said.values()
    _, _, own = kind.partition(":") if ":" in kind else kind.partition("bounce_")
    assert all(own in text for text in said.values())


ERRORS = {"CrmError", "BadInput", "SignedOut", "Refused", "NotFound", "Conflict", "Unavailable", "_bad"}
UNSEEN = re.compile(r"(cli|kernel|hostkit|_build)/")
"""Its messages come on a terminal, in English."""
OF_NO_PAGE = ("settings.", "host.", "database.")
"""What is told before there is a page, or in the words of a driver or of the school's own program."""
SAID = ("reason", "expected", "what", "found", "kind", "verb", "part", "hint")


def raw_parts(source: str) -> list[str]:
    """Return English inside messages that no page could say in another language."""
    found = []
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call) or getattr(call.func, "id", "") not in ERRORS:
            continue
        code = ast.unparse(call.args[0]).strip("'") if call.args else ""
        if code.startswith(OF_NO_PAGE):
            continue
        for part in call.keywords:
            text = part.value.value if isinstance(part.value, ast.Constant) else ""
            says = isinstance(text, str) and (" " in text or (text and part.arg in SAID and text != "html"))
            if says or isinstance(part.value, ast.JoinedStr):
                found.append(f"{code}: {ast.unparse(part)}")
    return found


def test_the_check_of_parts_finds_english() -> None:
    planted = 'raise BadInput("input.bad", "a", reason="too long")\nNotFound("object.missing", id=f"{x} y")'
    assert len(raw_parts(planted)) == 2
    assert raw_parts('BadInput("input.bad", reason=Clause("too long"), id=ident)') == []


def test_no_part_of_a_message_is_english_for_ever() -> None:
    for path in sorted(PACKAGE.rglob("*.py")):
        if not UNSEEN.match(path.relative_to(PACKAGE).as_posix()):
            assert raw_parts(path.read_text("utf-8")) == [], path


ENGLISH = re.compile(r"[A-Za-z]{3,}")
NAMES = re.compile(r"JSON|UTF|NaN|unit|day|week|month|year|minute|hour|username")
"""Of the filter language and of formats: they are the same in every language."""


@pytest.mark.parametrize(
    "work",
    [
        lambda: load('{"combinator": "and", '),
        lambda: load(b"\xff"),
        lambda: load('{"a": 1, "a": 2}'),
        lambda: load("[NaN]"),
        lambda: NUMBER.read("between", [2, 1], ZoneInfo("UTC")),
        lambda: INSTANT.read("inLast", {"n": -1, "unit": "day"}, ZoneInfo("UTC")),
        lambda: content.parse("{{ username", ["username"]),
        lambda: content.parse("{% if username %}x{% endif %}", ["username"]),
        lambda: lifecycle.check_state("finished", ("draft",), Clause("changed")),
    ],
)
def test_a_message_with_parts_is_chinese_on_a_chinese_page(work: Callable[[], Any]) -> None:
    with Flask(__name__).test_request_context():
        g.crm_locale = "zh"
        try:
            work()
        except CrmError as error:
            said = i18n.explain(error)
        except Unreadable as error:
            said = i18n.explain(BadInput("segment.bad_value", field="x", value=1, expected=error.expected))
    assert not ENGLISH.search(NAMES.sub("", said)), said


def test_the_hosts_menu_speaks_both() -> None:
    entries = host_menu("/admin/crm")
    assert [entry.label["zh"] for entry in entries][:2] == ["概览", "学员"]
    assert all(entry.url.startswith("/admin/crm/") for entry in entries)
