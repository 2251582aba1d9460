"""SMS: how long a text is, the stock, and what goes out."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_plugin.channels.base import Context, Recipient, SmsText
from crm_plugin.channels.sms.channel import SMS
from crm_plugin.channels.sms.message_parts import measure, room
from crm_plugin.channels.sms.templates import (
    declared,
    find,
    listed,
    load_stock,
    row_of,
    set_code,
    stock,
    versions,
)
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput
from tests.fakes.crm import NOW


@pytest.mark.parametrize(
    ("text", "encoding", "units", "segments"),
    [
        ("", "GSM-7", 0, 1),
        ("a" * 160, "GSM-7", 160, 1),
        ("a" * 161, "GSM-7", 161, 2),
        ("a" * 306, "GSM-7", 306, 2),
        ("a" * 307, "GSM-7", 307, 3),
        ("€" * 80, "GSM-7", 160, 1),
        ("€" * 81, "GSM-7", 162, 2),
        ("a" * 152 + "€" + "a" * 152, "GSM-7", 306, 3),
        ("课" * 70, "UCS-2", 70, 1),
        ("课" * 71, "UCS-2", 71, 2),
        ("课" * 134, "UCS-2", 134, 2),
        ("课" * 135, "UCS-2", 135, 3),
        ("😀" * 35, "UCS-2", 70, 1),
        ("课" * 66 + "😀" + "课" * 66, "UCS-2", 134, 3),
        ("Ω@é", "GSM-7", 3, 1),
        ("é`", "UCS-2", 2, 1),
    ],
)
def test_lengths(text: str, encoding: str, units: int, segments: int) -> None:
    found = measure(text)
    assert (found.encoding, found.units, found.segments) == (encoding, units, segments)


@pytest.mark.parametrize(
    ("text", "units", "segments"),
    [
        ("a" * 70, 70, 1),
        ("a" * 71, 71, 2),
        ("a" * 159, 159, 3),
        ("€" * 70, 70, 1),
        ("课" * 134, 134, 2),
        ("😀" * 35, 70, 1),
    ],
)
def test_mainland_china_counts_70_and_67_whatever_the_letters(text: str, units: int, segments: int) -> None:
    found = measure(text, mainland=True)
    assert (found.units, found.segments) == (units, segments)


@given(st.text("a€课😀[", max_size=320), st.booleans())
def test_the_room_is_what_may_be_added(text: str, mainland: bool) -> None:
    """So many plain characters fit, and one more makes one more part."""
    found = measure(text, mainland)
    more = "课" if found.encoding == "UCS-2" else "a"
    assert measure(text + more * room(found), mainland).segments == found.segments
    assert measure(text + more * (room(found) + 1), mainland).segments == found.segments + 1


@given(st.text(max_size=400), st.text(max_size=5))
def test_more_text_is_never_fewer_segments(text: str, more: str) -> None:
    assert measure(text + more).segments >= measure(text).segments


def compiled(text: str, purpose: str = "marketing", variables: Any = None, **context: Any) -> Any:
    sms = SmsText("t", text, purpose, "approved", context.pop("locale", "zh"))
    content = {"template": "t", "variables": variables or {}, "link": "https://a.example/"}
    return SMS.compile(
        content, purpose, Context(sms=sms, site_name=context.pop("site_name", "网校"), **context)
    ).ready()


def text_of(made: Any, **values: str) -> str:
    return str(made.render(Recipient("k", "7", "+8613800138000", values)).text)


LINK = "https://s.example/r/k7WQp2mXv9RtLe"


def test_signature_placeholders_and_tail() -> None:
    made = compiled("《${course_title}》${date}开课 ${link}", variables={"date": "8 月 1 日"})
    assert made.variables == {"course_title", "link"}
    assert (
        text_of(made, course_title="微积分", link=LINK)
        == f"【网校】《微积分》8 月 1 日开课 {LINK} 拒收请回复R"
    )
    message = made.render(Recipient("k", "7", "+86", {"course_title": "微积分", "link": LINK}, campaign_id=3))
    assert message.params == {"course_title": "微积分", "date": "8 月 1 日", "link": LINK}
    assert (message.links, message.channel, message.campaign_id) == ([LINK], "sms", 3)


def test_service_messages_have_no_tail_and_english_stays_gsm() -> None:
    assert text_of(
        compiled("Starts now: ${link}", "service", locale="en", site_name="School"), link=LINK
    ) == (f"School: Starts now: {LINK}")
    assert measure(text_of(compiled("Hello", locale="en", site_name="School"))).encoding == "GSM-7"


@pytest.mark.parametrize(
    ("text", "around"),
    [
        ("点击${link}了解", f"点击 {LINK} 了解"),
        ("see${link}now", f"see {LINK} now"),
        ("点击 ${link} 了解", f"点击 {LINK} 了解"),
        ("（${link}）", f"（ {LINK} ）"),
        ("(${link})", f"({LINK} )"),
        ("${course_title}${link}${course_title}", f"课 {LINK} 课"),
        ("看${link}", f"看 {LINK}"),
    ],
)
def test_a_link_stands_apart_from_the_text_beside_it(text: str, around: str) -> None:
    assert text_of(compiled(text, "service", site_name=""), link=LINK, course_title="课") == around


@given(st.text(st.characters(exclude_characters="${}", exclude_categories=["Cs", "Cc"]), max_size=30))
def test_telephones_find_the_link_whatever_stands_beside_it(text: str) -> None:
    whole = text_of(compiled(f"{text}${{link}}{text}", "service", site_name=""), link=LINK)
    assert re.search(rf"(?:^|[^a-zA-Z0-9/:.@_-]){re.escape(LINK)}(?:$|[^a-zA-Z0-9/:.@_-])", whole)


@pytest.mark.parametrize(
    ("sms", "code"),
    [
        (None, "campaign.unknown_template"),
        (SmsText("t", "x", "marketing", "draft"), "campaign.template_not_approved"),
        (SmsText("t", "x ${nosuch}", "marketing", "approved"), "content.unknown_variable"),
        (SmsText("t", "x ${link", "marketing", "approved"), "content.syntax"),
        (SmsText("t", "x ${link}", "marketing", "approved"), "content.no_link"),
    ],
)
def test_what_cannot_be_sent_is_refused(sms: SmsText | None, code: str) -> None:
    with pytest.raises(BadInput) as refused:
        SMS.compile({"template": "t"}, "marketing", Context(sms=sms)).ready()
    assert refused.value.code == code


def test_a_marketing_text_is_no_service_message() -> None:
    found = SMS.compile(
        {"template": "t"}, "service", Context(sms=SmsText("t", "x", "marketing", "approved"))
    ).problems
    assert [problem.code for problem in found] == ["sms.marketing_template"]


def test_the_stock_is_the_same_in_both_languages_and_all_of_it_renders() -> None:
    stems: dict[str, set[str]] = {"en": set(), "zh": set()}
    for key, template in stock().items():
        stems[template.locale].add(key.rpartition("-")[0])
        values = dict.fromkeys(declared(template.text), "x")
        made = compiled(template.text, template.purpose, values, locale=template.locale)
        assert made.required <= {"course_title", "class_title", "link"}
        assert LINK in text_of(made, course_title="微积分", class_title="一班", link=LINK)
    assert stems["en"] == stems["zh"]
    assert len(stems["en"]) >= 8


def test_loading_the_stock_keeps_what_people_wrote(database: Database) -> None:
    own = SmsText("win-back-en", "Mine {{ link }}", "marketing", "approved", "en", name="Mine")
    with database.begin() as session:
        assert find(session, "promotion-en") == stock()["promotion-en"], "there before anything was loaded"
        session.add(row_of(own, 1, NOW))
        session.flush()
        assert load_stock(session, NOW) == len(stock()) - 1
        assert load_stock(session, NOW) == len(stock()) - 1
    with database.read() as session:
        assert find(session, "win-back-en") == own
        assert find(session, "nosuch") is None
        assert len(listed(session)) == len(stock())
        assert {one.purpose for one in listed(session, "service")} == {"service"}


def test_a_new_text_of_the_stock_is_a_new_version(database: Database) -> None:
    old = replace(stock()["win-back-en"], text="What an older release said")
    with database.begin() as session:
        session.add(row_of(old, 1, NOW))
        session.flush()
        set_code(session, "win-back-en", "aliyun", "SMS_1", NOW)
        load_stock(session, NOW)
        load_stock(session, NOW)
        every = versions(session, "win-back-en")
        assert [(one.version, one.text) for one in every] == [
            (2, stock()["win-back-en"].text),
            (1, "What an older release said"),
        ]
        in_force = find(session, "win-back-en", "aliyun")
    assert in_force is not None
    assert in_force.version == 1, "the carrier has approved the old text only"
