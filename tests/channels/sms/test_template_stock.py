"""The stock: whole in both languages, right placeholders, short; and how a template looks filled in."""

from pathlib import Path
from typing import Any

import pytest

from crm_plugin.channels.base import SmsText
from crm_plugin.channels.service import is_mainland
from crm_plugin.channels.sms.message_parts import extensions, foreign, measure, room
from crm_plugin.channels.sms.templates import declared, placeholders, stock
from crm_plugin.channels.sms_templates import preview
from crm_plugin.channels.sms_templates.preview import look, segments
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.i18n import locales
from tests.fakes.crm import make_crm
from tests.fakes.host import FakeHost, host_info

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
PUBLIC = "https://crm.school.example"
OCCASIONS = {
    *("promotion", "renewal", "festival-greeting", "unpaid-order", "course-start", "study-reminder"),
    *("win-back", "open-class", "class-opening", "coupon", "member-offer", "payment-received"),
    *("trial-follow-up", "interested", "finish-course"),
}


@pytest.fixture
def crm(database: Database, tmp_path: Path) -> Crm:
    return make_crm(database, FakeHost(), public_url=PUBLIC, sms_carrier="outbox", sms_price="0.05 CNY")


def pair(stem: str) -> tuple[SmsText, SmsText]:
    return stock()[f"{stem}-en"], stock()[f"{stem}-zh"]


def test_there_is_one_for_each_occasion_in_both_languages(db_kind: str) -> None:
    assert set(stock()) == {f"{stem}-{locale}" for stem in OCCASIONS for locale in ("en", "zh")}


@pytest.mark.parametrize("stem", sorted(OCCASIONS))
def test_both_languages_say_the_same_with_the_same_placeholders(db_kind: str, stem: str) -> None:
    english, chinese = pair(stem)
    assert english.purpose == chinese.purpose
    assert set(placeholders(english.text)) == set(placeholders(chinese.text))
    assert len({english.name, chinese.name, english.text, chinese.text}) == 4
    for one in (english, chinese):
        assert one.text.count("{{ link }}") == 1
        assert set(one.examples) == set(declared(one.text)), "an example for each variable of its own"
    assert foreign(english.text) == []


def test_each_takes_a_part_or_two(crm: Crm) -> None:
    crm.settings.host_region = "SG"
    for template in stock().values():
        found = look(crm, template)
        assert found.problems == []
        assert found.length.segments == 1 or template.locale == "zh", template.key
        assert found.worst.segments <= 2, template.key


@pytest.mark.parametrize(
    ("carrier", "region", "mainland"),
    [
        ("outbox", "CN", True),
        ("outbox", "SG", False),
        ("aliyun", "CN", True),
        ("tencent", "SG", False),
        ("twilio", "CN", False),
    ],
)
def test_in_mainland_china_a_part_is_70_characters(
    crm: Crm, carrier: str, region: str, mainland: bool
) -> None:
    crm.settings.sms_carrier, crm.settings.host_region = carrier, region
    template = SmsText("t", "€" + "a" * 155, "service", "approved", signature="S")
    assert is_mainland(crm) is mainland
    assert look(crm, template).length.segments == (3 if mainland else 1), "signed, it has 159"
    assert (look(crm, template).double == []) is mainland
    assert segments(crm, [template]) == {"t": 3 if mainland else 1}


def test_a_carrier_there_decides_where_the_school_names_no_country(database: Database) -> None:
    crm = make_crm(database, FakeHost(info=host_info(region=None)), sms_carrier="tencent")
    assert is_mainland(crm)
    crm.settings.sms_carrier = "outbox"
    assert not is_mainland(crm)


def test_a_look_says_what_is_sent_and_what_it_costs(crm: Crm) -> None:
    crm.settings.host_region = "SG"
    template = SmsText("t", "${coupon} for ${course_title}: ${link}", "marketing", "draft")
    found = look(crm, template)
    assert found.text.startswith("Fake School: (coupon) for Calculus I: https://crm.school.example/r/")
    assert found.text.endswith(" Reply STOP to opt out")
    assert (found.length.encoding, found.double, found.odd) == ("GSM-7", [], [])
    assert found.room == 160 - len(found.text)
    assert found.price is not None
    assert str(found.price.amount) == "0.05"
    assert found.worst.units == found.length.units - len("(coupon)Calculus I") + 20 + 30
    own = look(
        crm, SmsText("t", "${coupon} €", "service", "draft", examples={"coupon": "A" * 30}, signature="S")
    )
    assert own.text == "S: " + "A" * 30 + " €"
    assert (own.double, own.worst.units) == (["€"], own.length.units + 30)


def test_the_values_that_stand_in_are_never_longer_than_long_ones(db_kind: str) -> None:
    assert set(preview.EXAMPLES) == set(preview.LONG)
    for name, example in preview.EXAMPLES.items():
        assert all(len(example.of(locale)) <= preview.LONG[name] for locale in locales())


@pytest.mark.parametrize(
    ("text", "free", "double", "odd"),
    [
        ("", 160, [], []),
        ("[x]", 155, ["[", "]"], []),
        ("a" * 161, 306 - 161, [], []),
        ("课a课", 67, [], ["课"]),
        ("😀" * 36, 67 - 6, [], ["😀"]),
    ],
)
def test_what_makes_a_text_long_is_named(
    db_kind: str, text: str, free: int, double: list[str], odd: list[str]
) -> None:
    assert (room(measure(text)), extensions(text), foreign(text)) == (free, double, odd)


def test_a_look_at_a_carrier_that_takes_no_links(database: Database) -> None:
    keys: dict[str, Any] = {
        "sms_aliyun_key_id": "i",
        "sms_aliyun_key_secret": "s",
        "sms_signature": "网校",
    }
    crm = make_crm(database, FakeHost(), sms_carrier="aliyun", **keys)
    found = look(crm, stock()["win-back-zh"])
    assert [problem.code for problem in found.problems] == ["sms.personal_link"]
    assert (found.link_mode, found.price) == ("per_campaign", None)
    assert found.text.startswith("【网校】")
