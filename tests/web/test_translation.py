"""Every text of the pages is there in Chinese, with the same blanks to fill in."""

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from flask import Flask, g

import crm_plugin.web
from crm_plugin.channels.sms.carriers.outcome import KINDS
from crm_plugin.kernel.errors import CODES
from crm_plugin.kernel.resources import folder
from crm_plugin.web import i18n
from crm_plugin.web.menu import host_menu
from crm_plugin.web.words import word

KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "say": None, "mark": None}
BLANK = re.compile(r"%\((\w+)\)s|(?<!\{)\{(\w+)[!:}]")


def texts() -> dict[str, str]:
    """Text → the file that it stands in; of a plural, the form for one."""
    found = dict.fromkeys(CODES.values(), "errors.py")
    places = (
        (Path(crm_plugin.web.__file__).parent, "**.py", "python"),
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


def test_the_hosts_menu_speaks_both() -> None:
    entries = host_menu("/admin/crm")
    assert [entry.label["zh"] for entry in entries][:2] == ["概览", "学员"]
    assert all(entry.url.startswith("/admin/crm/") for entry in entries)
