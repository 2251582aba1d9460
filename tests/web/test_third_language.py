"""A third language is one folder: pages, errors, sentences, e-mails and opt-out pages come from it."""

import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import pytest
from flask import Flask, g

from crm_plugin.boards.board.tabs import TABS
from crm_plugin.campaigns import jobs, service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.channels.content import VARIABLES
from crm_plugin.channels.email import footer
from crm_plugin.channels.registry import CHANNELS
from crm_plugin.channels.sms.channel import TAIL
from crm_plugin.host import records as r
from crm_plugin.host.records import Actor
from crm_plugin.kernel import i18n
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import CODES, BadInput
from crm_plugin.plugin import prepare
from crm_plugin.profiles.staff import follow_ups
from crm_plugin.profiles.staff.follow_ups import Entry
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments.language.fields import FIELDS, RELATIONS
from crm_plugin.segments.saved import quick_queries
from crm_plugin.segments.wording.describe import describe
from crm_plugin.segments.wording.phrase_templates import SHAPES
from crm_plugin.web.blueprint import pages
from crm_plugin.web.public.words import words_of
from crm_plugin.web.segments.builder.fields import value_word
from crm_plugin.web.shell.i18n import Words, explain
from crm_plugin.web.shell.vocabulary import word
from tests.fakes.crm import NOW, make_crm
from tests.fakes.host import ALL, FakeHost, host_info
from tests.web.fixtures import School
from tests.web.routes import ROUTES
from tests.web.third_language import LANGUAGE, english, said, write

SQLITE = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
ADMIN = Actor("1", "一", ALL, locale=LANGUAGE)
KNOWN = (
    rf"^({'|'.join(map(re.escape, sorted(available_timezones())))})$",
    *(
        r"https?://\S*",
        r"\S+@\S+",
        r"CN¥",
        r"CNY?",
        r"\$?\{+.*?\}+",
        r"GMT\+?\d*",
        r"/tmp/\S+",
        r"smtp://\S+",
        r"\b[A-Z]\w+/[A-Z]\w+\b",  # a zone in a sentence
    ),
    *(rf"\b{name}\b" for name in (*VARIABLES, "outbox", "UCS-2", "UTC", "SQLite", "send", "ap-guangzhou")),
    r"\boffline,off-site,outside\b",
)
"""Addresses, currencies, blanks of a text, values of settings, zones."""


@pytest.fixture(autouse=True)
def language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put the language where the others are."""
    folder = tmp_path / "translations"
    folder.mkdir()
    (folder / "zh").symlink_to(i18n.FOLDER / "zh")
    write(folder)
    monkeypatch.setattr(i18n, "FOLDER", folder)
    i18n.locales.cache_clear()
    i18n.catalogue.cache_clear()
    yield
    monkeypatch.undo()
    i18n.locales.cache_clear()
    i18n.catalogue.cache_clear()


def books() -> list[Any]:
    """What a school tells whose words have no letter of English."""
    course = r.Course("1", "钢琴", tags=("音乐",), price=Decimal("99"), currency="CNY")
    people = [
        r.Person(
            str(number),
            display_name=f"学员 {number}",
            phone=f"1380013{number:04}",
            email=f"p{number}@example.com",
            locale=LANGUAGE,
            registered_at=NOW - timedelta(days=number),
        )
        for number in range(1, 5)
    ]
    before = NOW - timedelta(days=3)
    lines = (r.OrderLine("course", "1", Decimal("99.00")),)
    order = r.Order("1", "1", "paid", Decimal("99.00"), "CNY", lines=lines, paid_at=before)
    return [course, *people, r.Enrolment("1", "1", "1"), order]


@pytest.fixture
def school(database: Database, tmp_path: Path) -> School:
    """A school with a bit of everything, and somebody who reads the language."""
    host = FakeHost(*books(), info=host_info(site_name="学校"))
    host.actor = ADMIN
    facts = {"host_region": "CN", "host_currency": "CNY", "host_timezone": "Asia/Shanghai"}
    crm = make_crm(database, host, NOW, instance=str(tmp_path), consent_unknown="send", **facts)
    sync(crm, full=True)
    prepare(crm)
    app = Flask("school")
    app.config.update(SECRET_KEY="a key of the school", TESTING=True)
    app.register_blueprint(pages(crm))
    everybody: dict[str, Any] = {"combinator": "and", "rules": []}
    quick_queries.save(crm, ADMIN, "一", everybody, pinned=True)
    follow_ups.add(crm, ADMIN, 1, Entry("note", "你好"))
    for name in ("一", "二"):
        content = {"channel": "email", "subject": "你好", "text": "你好"}
        drafts.create(crm, ADMIN, {"name": name, "audience": everybody, **content})
    service.launch(crm, ADMIN, 1)
    while jobs.burst(crm):
        pass
    return School(host, crm, app, app.test_client())


def addresses() -> list[str]:
    """Every page with its places filled in."""
    found = []
    for route in ROUTES:
        if route.methods == ("GET",) and "/api/" not in route.rule:
            rule = route.rule.replace("<key>", "win-back-zh").replace("<what>", "course")
            rule = rule.replace("<path:course>", "1")
            found += [
                rule.replace("<int:ident>", ident) for ident in ("1", "2")[: 1 + ("<int:ident>" in rule)]
            ]
    return [*found, *(f"/courses/1?stage={stage}" for stage in TABS)]


@SQLITE
def test_no_page_shows_english(school: School) -> None:
    found = {}
    for path in addresses():
        answer = school.get(path)
        assert answer.status_code in (200, 302, 400, 404, 409), path
        if answer.mimetype == "text/html" and answer.status_code != 302:
            found[path] = list(english(answer.text, *KNOWN))
    assert {path: texts for path, texts in found.items() if texts} == {}


@SQLITE
def test_errors_states_and_channels_are_in_it(school: School) -> None:
    with school.app.test_request_context():
        g.crm, g.crm_locale = school.crm, LANGUAGE
        for code, text in CODES.items():
            assert i18n.translate(text, LANGUAGE) == said(text), code
        assert explain(BadInput("segment.too_deep", limit=3)) == said("groups are nested deeper than ") + "3"
        tables = [one for words in school.crm.contributed(Words) for one in words.tables.items()]
        shown = [word(table, name) for table, names in tables for name in names]
    assert list(english(" ".join(shown))) == []
    assert list(english(" ".join(CHANNELS[name].label.of(LANGUAGE) for name in CHANNELS))) == []


@SQLITE
def test_every_sentence_about_people_is_in_it(school: School) -> None:
    labels = [one.label.of(LANGUAGE) for _name, one in FIELDS.items()]
    labels += [one.label.of(LANGUAGE) for _name, one in RELATIONS.items()]
    labels += [words.of(LANGUAGE) for shape in SHAPES for words in shape.says.values()]
    assert list(english(" ".join(labels), r"\{value\}")) == []
    member = {"field": "is_member", "operator": "=", "value": True}
    lately = {"field": "last_active_at", "operator": "inLast", "value": {"n": 3, "unit": "day"}}
    paid = {"field": "state", "operator": "=", "value": "paid"}
    some = {"field": "orders", "match": {"mode": "some"}, "value": {"combinator": "and", "rules": [paid]}}
    tree = {"combinator": "or", "rules": [member, lately, some], "not": True}
    with school.app.test_request_context():
        g.crm, g.crm_locale = school.crm, LANGUAGE
        sentence = describe(school.crm, tree, LANGUAGE, ADMIN, value_word)
    assert list(english(sentence)) == []


def test_what_learners_get_is_in_it() -> None:
    endings = ["".join(one for one in footer.text_footer(LANGUAGE, "学校") if isinstance(one, str))]
    assert footer.locale_of(["ｈｅｌｌｏ hello"], LANGUAGE) == LANGUAGE
    words = [*words_of(LANGUAGE).values(), TAIL.of(LANGUAGE), *endings]
    assert list(english(" ".join(words), r"\{\w+\}")) == []


@SQLITE
def test_the_language_is_offered_without_a_list_of_languages(school: School) -> None:
    assert i18n.locales() == ("en", LANGUAGE, "zh")
    assert "日本語" in school.get("/sms-templates").text
    assert i18n.own_name(LANGUAGE) == "日本語"


def test_the_check_of_pages_finds_english() -> None:
    planted = '<p title="Half done">ｓａｉｄ</p><script>var x</script><button>Send 3</button>'
    assert list(english(planted)) == ["Half done", "Send 3"]
