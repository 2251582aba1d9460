"""E-mail: escaped where it stands, one-click opt-out unbroken, readable by any mail program."""

import re
import timeit
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_plugin.channels.base import Context, Message, Recipient
from crm_plugin.channels.content import clean
from crm_plugin.channels.email.channel import EMAIL
from crm_plugin.channels.email.headers import ascii_address, mailbox_header, text_header, url_header
from crm_plugin.channels.email.mime import Skeleton
from crm_plugin.kernel.errors import BadInput

AT = datetime(2026, 11, 15, 12, 0, tzinfo=UTC)
CONTEXT = Context(
    site_name="网校 & Co", locale="en", sender="网校 <no-reply@school.example>", clock=lambda: AT
)
OPT_OUT = "https://s.example/u/email-" + "k7WQp2mXv9RtLe" * 5
LINK = "https://s.example/r/k7WQp2mXv9RtLe"


def compiled(html: str = "", purpose: str = "marketing", context: Context = CONTEXT, **content: Any) -> Any:
    document = {"subject": "Hello", "html": html, "link": "https://a.example/", **content}
    return EMAIL.compile(document, purpose, context).ready()


def rendered(made: Any, links: tuple[str, ...] = (), **values: str) -> Message:
    found: Message = made.render(
        Recipient("17-4", "7", "ann@a.example", {"unsubscribe": OPT_OUT, **values}, links, 17)
    )
    return found


def read(message: Message, eight_bit: bool = True) -> EmailMessage:
    assert message.mime is not None
    found = message_from_bytes(message.mime(eight_bit), policy=policy.default)
    assert isinstance(found, EmailMessage)
    assert not found.defects
    return found


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())


@pytest.mark.parametrize("eight_bit", [True, False])
def test_a_mail_program_reads_what_was_written(eight_bit: bool) -> None:
    made = compiled(
        "<p>你好 {{ display_name }} <a href='{{ link }}'>去</a></p>", subject="课程 {{ display_name }}"
    )
    mail = read(rendered(made, display_name="Ann 安", link=LINK), eight_bit)
    assert mail["Subject"] == "课程 Ann 安"
    assert mail["From"].addresses[0].display_name == "网校"
    assert mail["From"].addresses[0].addr_spec == "no-reply@school.example"
    assert mail["To"].addresses[0].addr_spec == "ann@a.example"
    assert mail["Date"].datetime == AT
    assert mail["Message-ID"] == "<17-4@school.example>"
    assert f'<p>你好 Ann 安 <a href="{LINK}">去</a></p>' in part(mail, "html")
    assert f"你好 Ann 安 去 {LINK}" in part(mail, "plain")


def test_both_one_click_headers_stand_unbroken() -> None:
    message = rendered(compiled("<p>x</p>"))
    assert message.mime is not None
    head = message.mime(True).split(b"\r\n\r\n")[0]
    assert f"\r\nList-Unsubscribe: <{OPT_OUT}>\r\n".encode() in head
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in head


def test_service_mail_has_no_opt_out() -> None:
    message = rendered(compiled("<p>x</p>", "service"))
    assert "List-Unsubscribe" not in message.headers
    assert "Unsubscribe" not in message.text + (message.html or "")


@pytest.mark.parametrize(("locale", "word"), [("en", "Unsubscribe"), ("zh-CN", "退订")])
def test_marketing_without_an_opt_out_gets_the_footer(locale: str, word: str) -> None:
    context = Context(site_name="A & B", locale=locale, sender="a@b.example")
    message = rendered(compiled("<p>x</p>", context=context, subject="1"))
    assert f'href="{OPT_OUT}">{word}</a>' in str(message.html)
    assert "A &amp; B" in str(message.html)
    assert "A & B" in message.text
    assert f"{word}: {OPT_OUT}" in message.text
    own = rendered(compiled('<p><a href="{{ unsubscribe }}">stop</a></p>', context=context))
    assert str(own.html).count(OPT_OUT) == 1
    assert own.text.count(OPT_OUT) == 1


@pytest.mark.parametrize(
    ("text", "school", "word"),
    [
        ("A course for you", "zh-CN", "Unsubscribe"),
        ("新课", "en", "退订"),
        ("1 + 1", "zh", "退订"),
    ],
)
def test_the_footer_is_in_the_language_of_the_text(text: str, school: str, word: str) -> None:
    context = Context(site_name="School", locale=school, sender="a@b.example")
    message = rendered(compiled(f"<p>{text}</p>", context=context, subject="1"))
    assert f">{word}</a>" in str(message.html)
    assert f"{word}: {OPT_OUT}" in message.text


HOSTILE = st.sampled_from(
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=x>',
        "&lt;b&gt;",
        "'onmouseover='x",
        "{{ link }}",
        "课 & <",
    ]
)
EVERYWHERE = compiled(
    "<p>[{{ display_name | default('-') }}]</p>"
    "<img src='https://a.example/x.png' alt='{{ username | default(\"-\") }}'>"
    "<a href='https://a.example/?u={{ real_name | default(\"-\") }}&v=1'>x</a>",
    "service",
)
TAGS = str(rendered(EVERYWHERE).html).count("<")


@given(HOSTILE | st.text(max_size=40))
def test_values_stay_text_wherever_they_stand(value: str) -> None:
    html = str(rendered(EVERYWHERE, display_name=value, username=value, real_name=value).html)
    text = re.search(r"<p>\[(.*?)\]</p>", html, re.S)
    assert text is not None
    assert unescape(text.group(1)) == (clean(value) or "-")
    assert html.count("<") == TAGS, "no value opens a tag"
    assert re.search(r'href="https://a\.example/\?u=[A-Za-z0-9%._~-]+&amp;v=1"', html)


@pytest.mark.parametrize(
    "source",
    [
        '<a href="{{ username }}">x</a>',
        '<a href="https://{{ username }}/">x</a>',
        '<a href="https://a.example{{ username }}">x</a>',
        '<img src="{{ username }}">',
        '<img src="https://a.example/{{ username }}">',
        '<p style="color:{{ username }}">x</p>',
        '<p class="{{ username }}">x</p>',
        "<style>p{color:{{ username }}} @media print{p{color:{{ username }}}}</style><p>x</p>",
    ],
)
def test_values_where_no_escaping_is_safe_are_refused(source: str) -> None:
    with pytest.raises(BadInput) as refused:
        compiled(f"<p>x</p>\n{source}")
    assert refused.value.code == "content.unsafe_address"


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        '<p onclick="x()">y</p>',
        '<iframe src="https://x"></iframe>',
        "<form action='https://x'><input name=a></form>",
        '<p style="background:url(https://x)">y</p>',
        "<style>@import 'https://x';</style>",
        "<style>@media print { p { background: url(//x) } }</style>",
        '<meta http-equiv="refresh" content="0;https://x"><base href="https://x"><link rel=stylesheet href="https://x">',
        "<svg onload=x><math>",
        "<object data=x><embed src=x>",
    ],
)
def test_what_could_run_or_load_is_taken_out(source: str) -> None:
    html = str(rendered(compiled(f"<p>ok</p>{source}", "service")).html)
    body = html.partition("<body>")[2]
    assert "<p>ok</p>" in body
    for bad in (
        "script",
        "onclick",
        "onload",
        "javascript",
        "data:",
        "iframe",
        "form",
        "https://x",
        "url(",
        "<svg",
    ):
        assert bad not in body + html.partition("viewport")[2].partition("<body>")[0]


def test_styles_are_inlined_and_media_rules_kept() -> None:
    html = str(
        rendered(compiled("<style>p{color:red} @media (max-width:5px){p{color:blue}}</style><p>x</p>")).html
    )
    assert '<p style="color: red;">x</p>' in html
    assert "@media (max-width:5px)" in html.partition("<body>")[0]


def test_web_addresses_are_tracked_and_all_others_untouched() -> None:
    made = compiled(
        '<a href="https://a.example/?a=1&amp;b=%2F+x#y">1</a> <a href="http://课.example/路">2</a>'
        '<a href="https://a.example/?a=1&b=%2F+x#y">again</a><a href="mailto:a@b.c?subject=x">m</a>'
        '<a href="tel:+123">t</a><a href="#top">top</a><a href="{{ unsubscribe }}">u</a>'
    )
    assert made.targets == ("https://a.example/?a=1&b=%2F+x#y", "http://课.example/路")
    message = rendered(made, (f"{LINK}1", f"{LINK}2"))
    assert re.findall('href="([^"]*)"', str(message.html)) == [
        *(f"{LINK}1", f"{LINK}2", f"{LINK}1", "mailto:a@b.c?subject=x", "tel:+123", "#top", OPT_OUT)
    ]
    assert message.links == [f"{LINK}1", f"{LINK}2"]
    assert f"1 {LINK}1 2 {LINK}2 again {LINK}1 " in message.text
    plain = rendered(made)
    assert 'href="https://a.example/?a=1&amp;b=%2F+x#y"' in str(plain.html), (
        "a test send has no tracked links"
    )


@given(st.text(st.characters(exclude_characters="{}%", exclude_categories=["Cs", "Cc", "Z"]), max_size=60))
def test_any_target_is_found_byte_for_byte(rest: str) -> None:
    url = f"https://a.example/{rest}"
    source = url.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    assert compiled(f'<p><a href="{source}">x</a></p>').targets == (url,)


def test_constants_fill_addresses_too() -> None:
    made = compiled(
        '<a href="{{ page }}">a</a><a href="https://b.example/?c={{ coupon }}">b</a>',
        variables={"page": "https://a.example/", "coupon": "A&B"},
    )
    assert made.targets == ("https://a.example/", "https://b.example/?c=A%26B")
    with pytest.raises(BadInput):
        compiled('<a href="https://{{ username }}{{ page }}">x</a>', variables={"page": "x"})


@pytest.mark.parametrize(
    "page", ["javascript:alert(1)", " JavaScript:x", "data:text/html,x", "//elsewhere", "vbscript:x", "x"]
)
def test_constants_cannot_bring_an_address_that_runs(page: str) -> None:
    with pytest.raises(BadInput) as refused:
        compiled('<p>x</p>\n<a href="{{ page }}">a</a>', variables={"page": page})
    assert (refused.value.code, refused.value.params["line"]) == ("content.unsafe_address", 2)
    for good in ("https://a.example", "mailto:a@b.c", "tel:+1", "#top"):
        compiled('<a href="{{ page }}">a</a>', variables={"page": good})


def test_a_text_of_the_authors_own_is_taken_and_html_may_be_left_out() -> None:
    both = read(rendered(compiled("<p>x</p>", "service", text="Own {{ link }}"), link=LINK))
    assert part(both, "plain").rstrip() == f"Own {LINK}"
    alone = read(rendered(compiled(text="Hi {{ link }}"), link=LINK))
    assert alone.get_content_type() == "text/plain"
    assert f"Unsubscribe: {OPT_OUT}" in alone.get_content()


@pytest.mark.parametrize(
    ("content", "code", "place"),
    [
        ({"subject": "", "html": "x"}, "content.missing", "subject"),
        ({"subject": "x"}, "content.missing", "html"),
        ({"subject": "a\r\nBcc: x@y.z", "html": "x"}, "content.bad_header", "subject"),
        ({"subject": "a\tb", "html": "x"}, "content.bad_header", "subject"),
        ({"subject": "{{ nosuch }}", "html": "x"}, "content.unknown_variable", "subject"),
        ({"subject": "x", "html": "<p>\n{{ nosuch }}"}, "content.unknown_variable", "html"),
        ({"subject": "x", "html": "{{ link }}"}, "content.no_link", "link"),
    ],
)
def test_what_is_wrong_is_named_before_launch(content: dict[str, str], code: str, place: str) -> None:
    (problem,) = EMAIL.compile(content, "marketing", CONTEXT).problems
    assert (problem.code, problem.place, problem.severe) == (code, place, True)
    with pytest.raises(BadInput):
        EMAIL.compile(content, "marketing", CONTEXT).ready()


@given(st.text(max_size=200))
def test_a_value_in_the_subject_is_never_a_header(value: str) -> None:
    made = compiled("<p>x</p>", subject="For {{ display_name | default('you') }}")
    mail = read(rendered(made, display_name=f"a\r\nBcc: b@c.d\r\n\r\n{value}"))
    assert mail["Bcc"] is None
    assert mail["Subject"].startswith("For a")
    assert len(mail.get_all("Subject", [])) == 1


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=300))
def test_a_subject_comes_back_and_its_lines_are_short(value: str) -> None:
    line = text_header("Subject", value)
    assert all(len(piece) <= 78 for piece in line.split("\r\n"))
    found = message_from_bytes(line.encode("ascii") + b"\r\n", policy=policy.default)["Subject"]
    assert str(found).split() == value.split()


def test_addresses_that_cannot_stand_in_a_header_are_refused() -> None:
    assert ascii_address("joe@例え.jp") == "joe@xn--r8jz45g.jp"
    for used in ("joe@mail_host.example", "joe@ab--cd.example", "joe@-x.example"):
        assert ascii_address(used) == used, "a domain in ASCII is left to its mail server"
    for bad in (
        "",
        "x",
        "@a.b",
        "a@",
        "a b@c.d",
        "a@b\r\nc",
        "a@b>c",
        "é@a.b",
        "a@b..c",
        "a@@b.c",
        "x" * 65 + "@a.b",
    ):
        with pytest.raises(BadInput):
            ascii_address(bad)
    for mailbox in ("A\r\nBcc: x <a@b.c>", "no address"):
        with pytest.raises(BadInput):
            mailbox_header("From", mailbox)
    for url in ("https://a/\r\nX: y", "https://a/ b", "https://a/>", "https://课/"):
        with pytest.raises(BadInput):
            url_header("List-Unsubscribe", url)


def test_several_addresses_are_folded_between_them() -> None:
    long = "https://a.example/" + "x" * 300
    assert url_header("List-Unsubscribe", long, "mailto:a@b.c") == (
        f"List-Unsubscribe: <{long}>,\r\n <mailto:a@b.c>\r\n"
    )


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=2000))
def test_lines_are_never_too_long_for_smtp(text: str) -> None:
    for eight_bit in (True, False):
        data = Skeleton("", "a.example").body(text, text, eight_bit)
        assert max(map(len, data.split(b"\r\n"))) <= 998
        assert b"\r\r\n" not in data.replace(b"\r\r\n", b"")
        assert re.search(rb"(?<!\r)\n", data) is None
        assert eight_bit or data.isascii()


def test_rendering_is_fast() -> None:
    made = compiled("<p>{{ display_name }} <a href='{{ link }}'>x</a></p>" + "<p>paragraph of text</p>" * 100)
    values = {"unsubscribe": OPT_OUT, "display_name": "Ann", "link": LINK}
    recipient = Recipient("17-4", "7", "ann@a.example", values)
    seconds = min(timeit.repeat(lambda: made.render(recipient).mime(True), number=200, repeat=3)) / 200
    assert seconds < 0.002, "the e-mail package takes some 5 ms"
