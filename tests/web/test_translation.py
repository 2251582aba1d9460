"""Every text of the pages is there in Chinese, with the same blanks to fill in."""

import ast
import re
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po
from flask import Flask, g

import crm_plugin
from crm_plugin.campaigns.ledger import campaign_states
from crm_plugin.channels import content
from crm_plugin.channels.sms.carriers.outcomes import KINDS
from crm_plugin.kernel.errors import BadInput, Clause, CrmError
from crm_plugin.kernel.i18n import choose, locales
from crm_plugin.segments.language.json_input import load
from crm_plugin.segments.language.value_types import INSTANT, NUMBER, Unreadable
from crm_plugin.web.menu import ENTRIES
from crm_plugin.web.shell import i18n
from crm_plugin.web.shell.menu_entry import host_menu
from crm_plugin.web.shell.vocabulary import word
from tests.web.routes import PagesAlone

PACKAGE = Path(crm_plugin.__file__).parent
PO = PACKAGE / "translations" / "zh" / "LC_MESSAGES" / "crm.po"
BLANK = re.compile(r"%\((\w+)\)s|(?<!\{)\{(\w+)[!:}]")


@pytest.fixture(scope="module")
def messages() -> ModuleType:
    """The command behind `make messages`."""
    file = PACKAGE / "_build" / "crm_messages.py"
    made = module_from_spec(spec := spec_from_file_location("crm_messages", file))  # type: ignore[arg-type]
    spec.loader.exec_module(made)  # type: ignore[union-attr]
    return made


def entries() -> list[Message]:
    with PO.open("rb") as file:
        return [entry for entry in read_po(file, locale="zh") if entry.id]


def test_the_catalogue_has_all_texts_and_no_other(messages: ModuleType) -> None:
    """Else: run `make messages`."""
    texts = {(one.context, one.id) for one in messages.texts() if one.id}
    assert len(texts) > 400
    assert {(one.context, one.id) for one in entries()} == texts


def test_the_catalogue_is_what_the_command_writes(messages: ModuleType) -> None:
    """Else: run `make messages`."""
    assert PO.read_bytes() == messages.renewed(PO.read_bytes(), "zh", messages.texts())


def test_no_text_is_untranslated(messages: ModuleType) -> None:
    assert messages.unfinished(PO.read_bytes(), "zh") == []


def test_an_empty_and_a_fuzzy_entry_are_unfinished(messages: ModuleType) -> None:
    planted = b"""msgid ""\nmsgstr ""\n\nmsgid "a"\nmsgstr ""\n\n#, fuzzy\nmsgid "b"\nmsgstr "c"\n"""
    assert messages.unfinished(planted, "zh") == ["a", "b"]


def test_the_command_finds_texts_wherever_they_stand(messages: ModuleType, tmp_path: Path) -> None:
    planted = {
        "crm_plugin/a/errors.py": 'CODES = {"a.b": "one {x}"}',
        "crm_plugin/b.py": 'Text("two")\nText("two", "of music")\nClause("three")',
        "crm_plugin/demo/c.py": 'Text("of the demo school")',
        "templates/crm/d.html": '{{ _("four") }}{{ pgettext("here", "five") }}{{ ngettext("6", "7", n) }}',
    }
    for name, text in planted.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = {(one.context, one.id): one.locations for one in messages.texts(tmp_path) if one.id}
    assert set(found) == {
        *((None, text) for text in ("one {x}", "two", "three", "four", ("6", "7"))),
        *(("of music", "two"), ("here", "five")),
    }
    assert found[None, "one {x}"] == [("crm_plugin/a/errors.py", 1)]


def test_the_command_keeps_what_is_translated(messages: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "crm_plugin").mkdir()
    (tmp_path / "templates").mkdir()
    (tmp_path / "crm_plugin" / "a.py").write_text('Text("kept")\nText("new")')
    old = b'msgid ""\nmsgstr ""\n\nmsgid "kept"\nmsgstr "\xe7\x95\x99"\n\nmsgid "gone"\nmsgstr "x"\n'
    made = messages.renewed(old, "zh", messages.texts(tmp_path))
    assert messages.renewed(made, "zh", messages.texts(tmp_path)) == made
    said = {one.id: one.string for one in read_po(BytesIO(made), locale="zh") if one.id}
    assert said == {"kept": "留", "new": ""}


def test_translations_fill_in_what_the_text_has() -> None:
    for one in entries():
        for text in [one.id] if isinstance(one.id, str) else one.id[1:]:
            for said in [one.string] if isinstance(one.string, str) else one.string or ():
                assert set(BLANK.findall(said)) == set(BLANK.findall(text)), text


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
    assert choose(wanted, accepted) == locale


@pytest.mark.parametrize("kind", [*KINDS, "bounce_5.1.1", "carrier_balance:isv.AMOUNT_NOT_ENOUGH"])
def test_refusals_of_carriers_have_words_in_both_languages(kind: str) -> None:
    said = {}
    for locale in locales():
        with Flask(__name__).test_request_context():
            g.crm, g.crm_locale = PagesAlone(), locale
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
        lambda: campaign_states.check_state("finished", ("draft",), Clause("changed")),
    ],
)
def test_a_message_with_parts_is_chinese_on_a_chinese_page(work: Callable[[], Any]) -> None:
    with Flask(__name__).test_request_context():
        g.crm, g.crm_locale = PagesAlone(), "zh"
        try:
            work()
        except CrmError as error:
            said = i18n.explain(error)
        except Unreadable as error:
            said = i18n.explain(BadInput("segment.bad_value", field="x", value=1, expected=error.expected))
    assert not ENGLISH.search(NAMES.sub("", said)), said


def test_the_hosts_menu_speaks_both() -> None:
    entries = host_menu(ENTRIES, "/admin/crm")
    assert [entry.label["zh"] for entry in entries][:2] == ["首页", "用户"]
    assert all(entry.url.startswith("/admin/crm/") for entry in entries)
