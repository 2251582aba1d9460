"""A link works whatever stands beside it: a blank is kept around it in every channel."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_plugin.channels.base import Channel, Context, Recipient, SmsText
from crm_plugin.channels.content import VARIABLES, Piece, parse
from crm_plugin.channels.email.channel import EMAIL
from crm_plugin.channels.links_apart import apart
from crm_plugin.channels.private_message import MESSAGE
from crm_plugin.channels.sms.channel import SMS

LINK = "https://s.example/r/k7WQp2mXv9RtLe"
OPT_OUT = "https://s.example/u/email-k7WQp2mXv9RtLe"
URL = "https://a.example/x?a=1&b=2"
CONTEXT = Context(sender="a@b.example", locale="zh")


def texts(text: str) -> list[str]:
    """Return a text as each channel sends it, without what the channel adds."""
    content = {"subject": "x", "text": text, "link": "https://a.example/", "template": "t"}
    sms = Context(sms=SmsText("t", text, "service", "approved", "zh"))
    html = {**content, "html": f"<p>{text}</p>", "text": ""}
    sent = []
    for channel, one, context in (
        (SMS, content, sms),
        (MESSAGE, content, CONTEXT),
        (EMAIL, content, CONTEXT),
        (EMAIL, html, CONTEXT),
    ):
        made = channel.compile(one, "service", context).ready()
        values = {"link": LINK, "course_title": "课"}
        message = made.render(Recipient("1-2", "7", "a@b.example", values))
        sent.append(message.text.strip())
        if message.html:
            found = re.search(r"<p>(.*)</p>", message.html, re.S)
            assert found is not None
            sent.append(found[1].replace("&amp;", "&").strip())
    return sent


@pytest.mark.parametrize(
    ("text", "around"),
    [
        ("点击{{ link }}了解", f"点击 {LINK} 了解"),
        ("点击 {{ link }} 了解", f"点击 {LINK} 了解"),
        ("看{{ link }}。", f"看 {LINK} 。"),
        ("see {{ link }}.", f"see {LINK} ."),
        ("看{{ link }}，好", f"看 {LINK} ，好"),
        ("see {{ link }}, then", f"see {LINK} , then"),
        ("({{ link }})", f"({LINK} )"),
        ("【{{ link }}】", f"【 {LINK} 】"),
        ("[{{ link }}]", f"[{LINK} ]"),
        ("{{ course_title }}{{ link }}{{ course_title }}", f"课 {LINK} 课"),
        (f"点击{URL}了解", f"点击 {URL} 了解"),
        (f"看{URL}。", f"看 {URL} 。"),
        (f"see {URL}.", f"see {URL} ."),
        (f"({URL})", f"({URL} )"),
        (f"see {URL}, or {URL}", f"see {URL} , or {URL}"),
        ("see https://a.example/a_(b) now", "see https://a.example/a_(b) now"),
        (f"{URL}", f"{URL}"),
    ],
)
def test_a_blank_is_kept_around_a_link_in_every_channel(text: str, around: str) -> None:
    assert texts(text) == [around] * 5


def test_an_address_that_goes_on_with_a_field_is_left_whole() -> None:
    pieces = parse("看https://a.example/?u={{ username }}&v=1 好", VARIABLES)
    joined = "".join(piece if isinstance(piece, str) else "U" for piece in apart(pieces))
    assert joined == "看 https://a.example/?u=U&v=1 好"


def test_links_of_a_made_text_part_stand_apart() -> None:
    content = {
        "subject": "x",
        "html": '<p>请看<a href="https://a.example/">这里</a>。<a href="{{ unsubscribe }}">退订</a>）</p>',
    }
    made = EMAIL.compile(content, "marketing", CONTEXT).ready()
    message = made.render(Recipient("1-2", "7", "a@b.example", {"unsubscribe": OPT_OUT}, [LINK]))
    assert message.text.strip() == f"请看这里 {LINK} 。退订 {OPT_OUT} ）"


def test_tags_beside_a_link_need_no_blank() -> None:
    content = {"subject": "x", "html": "<p>看<b>{{ link }}</b>吧</p>", "link": "https://a.example/"}
    made = EMAIL.compile(content, "service", CONTEXT).ready()
    assert f"<b>{LINK}</b>" in str(made.render(Recipient("1-2", "7", "a@b.example", {"link": LINK})).html)


def test_a_link_with_a_field_in_it_is_named_as_not_counted() -> None:
    html = '<p>x</p>\n<a href="https://a.example/?u={{ username }}">y</a>'
    (problem,) = EMAIL.compile({"subject": "x", "html": html}, "service", CONTEXT).problems
    assert (problem.code, problem.severe) == ("content.untracked_link", False)
    assert problem.params == {"line": 2, "url": "https://a.example/?u={{ username }}"}
    own = {"subject": "x", "html": html.replace("username", "coupon"), "variables": {"coupon": "A"}}
    made = EMAIL.compile(own, "service", CONTEXT)
    assert made.problems == [], "what is the same for everybody is counted"
    assert made.ready().targets == ("https://a.example/?u=A",)


@pytest.mark.parametrize("channel", [MESSAGE, EMAIL], ids=["message", "email"])
def test_an_address_typed_into_a_text_is_named_as_not_counted(channel: Channel) -> None:
    text = "看https://a.example/x。 或 https://b.example/?u={{ username }} {{ link }}"
    content = {"subject": "x", "text": text, "link": "https://a.example/"}
    found = channel.compile(content, "service", CONTEXT).problems
    assert [(one.code, one.place, one.severe) for one in found] == [
        ("content.uncounted_link", "text", False)
    ] * 2
    assert [one.params["url"] for one in found] == ["https://a.example/x", "https://b.example/?u=…"]


@pytest.mark.parametrize("after", ["?x=1", "/more", "{{ username }}"])
def test_nothing_stands_behind_our_own_address(after: str) -> None:
    html = f'<a href="{{{{ link }}}}{after}">y</a>'
    found = EMAIL.compile({"subject": "x", "html": html, "link": "https://a.example/"}, "service", CONTEXT)
    assert [one.code for one in found.problems] == ["content.bad_address"]


WORDS = st.text("ab 课。，.)】(:{/", max_size=6).filter(lambda text: "{{" not in text)


@given(WORDS, WORDS, st.sampled_from(["link", "unsubscribe"]))
def test_nothing_runs_on_into_a_link(before: str, after: str, name: str) -> None:
    pieces: list[Piece] = [
        *parse(before, VARIABLES),
        *parse(f"{{{{ {name} }}}}", VARIABLES),
        *parse(after, VARIABLES),
    ]
    whole = "".join(piece if isinstance(piece, str) else LINK for piece in apart(pieces))
    place = whole.index(LINK)
    assert not whole[place + len(LINK) :].strip() or whole[place + len(LINK)].isspace()
    assert not re.match(r"[a-z课。，】/:.]", whole[place - 1 : place] if place else "")
    assert "".join(whole.split()) == "".join(f"{before}{LINK}{after}".split())
