"""What a designer wrote stays in the mail, or the author is told what was taken out, where and why."""

import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_plugin.channels.base import Problem
from crm_plugin.channels.email import css
from crm_plugin.channels.email.channel import EMAIL
from crm_plugin.channels.email.html import LONGEST
from crm_plugin.channels.email.removals import MOST
from crm_plugin.kernel.errors import CODES
from tests.channels.email.test_email import CONTEXT, compiled, rendered


def shown(html: str, **content: Any) -> str:
    return str(rendered(compiled(html, "service", **content)).html)


def told(html: str) -> list[str]:
    problems = EMAIL.compile({"subject": "Hello", "html": html}, "service", CONTEXT).problems
    return [CODES[one.code].format(**one.params) for one in problems]


def test_the_body_hands_its_look_down_where_its_tag_is_dropped() -> None:
    html = shown(
        '<html lang="de" dir="ltr"><head><style>body{margin:0;color:#333}</style></head>'
        '<body style="font-family:Arial" bgcolor="#112233" dir="rtl" class="mail" leftmargin="0">'
        "<p>x</p></body>"
    )
    assert '<html lang="de" dir="ltr">' in html
    body, wrapper = re.findall(r"<(?:body|div)[^>]*>", html)
    for kept in (
        'dir="rtl"',
        'class="mail"',
        'bgcolor="#112233"',
        'leftmargin="0"',
        "margin: 0",
        "color: #333",
    ):
        assert kept in body
    for kept in ('dir="rtl"', "font-family: Arial", "color: #333", "background-color: #112233"):
        assert kept in wrapper
    assert "margin" not in wrapper, "it would count twice"
    assert html.endswith("<p>x</p></div></body></html>\n")


def test_rules_for_the_body_reach_the_element_that_stands_for_it() -> None:
    html = shown("<style>@media (x){body{color:red}}</style><body style='color:blue'><p>x</p>")
    assert "@media (x) {body, .crm-body {color:red}}" in html


def test_the_footer_of_marketing_stands_inside_the_look() -> None:
    html = str(rendered(compiled('<body bgcolor="#000"><p>x</p>')).html)
    assert re.search(r"<div class=\"crm-body\".*Unsubscribe</a></p></div></body></html>\n$", html, re.S)


@pytest.mark.parametrize(
    ("style", "gone"),
    [
        ("@font-face{font-family:A;src:url(https://f.example/a.woff)}", "line 2: @font-face is taken out"),
        (
            "@import url(https://f.example/a.css);",
            "line 2: @import url(https://f.example/a.css) is taken out",
        ),
        ("p{background:url(x) red}", "line 2: background:url(x) red is taken out"),
        ("p{behavior:x}", "line 2: behavior:x is taken out"),
        ("p{color:red\\9}", "line 2: color:red\\9 is taken out"),
        ("@media (min-width:3px){\np{cursor:url(x)}}", "line 3: cursor:url(x) is taken out"),
        ("<!-- /* note\n */ @import 'x'; -->", "line 3: @import 'x' is taken out"),
    ],
)
def test_only_the_one_rule_goes(style: str, gone: str) -> None:
    kept = "@media (max-width:5px){p{color:blue}} a:hover{top:0}"
    source = f"<style>\n{style} {kept}</style><a href='#'>x</a>"
    html = shown(source)
    assert "@media (max-width:5px) {p {color:blue}}" in html
    assert re.search(r"a:hover \{\s*top: 0;? ?\}", html)
    assert "url(" not in html
    assert "@import" not in html
    assert [line for line in told(source) if line.startswith(gone)]


def test_only_the_one_declaration_of_an_attribute_goes_and_a_colour_stays() -> None:
    style = "background: #333 url(https://x.example/a.png) no-repeat; color: #fff; cursor: url(x)"
    source = f'<p>\n<b style="{style}">x</b></p>'
    assert '<b style="background: #333 none no-repeat; color: #fff">' in shown(source)
    reason = "an e-mail loads nothing but pictures in img"
    assert told(source) == [
        f"line 2: background: #333 url(https://x.example/a… is taken out: {reason}",
        f"line 2: cursor: url(x) is taken out: {reason}",
    ]


@pytest.mark.parametrize(
    "broken", ["*zoom:1", "color red", "color", "{top:0}", "$x:1", "=a:b", "9a:b", "<b:c", "a b:c", "[a]:b"]
)
@pytest.mark.parametrize("quoted", ['"{}"', "'{}'"])
def test_a_broken_declaration_goes_alone(broken: str, quoted: str) -> None:
    style = quoted.format(f"color:red;{broken};left:0")
    source = f"<style>p{{margin:0}}</style>\n<p title=' style=1' style={style}>x</p>"
    assert '<p title=" style=1" style="margin: 0;color: red;left: 0">' in shown(source)
    assert [line.partition(" is taken out")[0] for line in told(source)] == [f"line 2: {broken}"]
    assert 'style="margin: 0;"' in shown(f"<style>p{{margin:0;{broken}}}</style><p>x</p>")


def test_rules_that_cannot_be_inlined_stay() -> None:
    html = shown(
        "<style media='print'>.a{display:none}</style><style>.ExternalClass{width:100%} .a{top:0}</style>"
        "<p class=a>x</p>"
    )
    assert re.search(r"\.ExternalClass \{\s*width: 100%;? ?\}", html)
    assert "@media print {.a {display:none}}" in html
    assert '<p class="a" style="top: 0;">' in html, "what is meant for paper hides nothing on the screen"


def test_anchors_image_maps_and_the_attributes_of_old_tables_stay() -> None:
    html = shown(
        '<a name="top" target="_blank"></a><a href="#top">up</a><table background="" bgcolor="#fff"><tr>'
        '<td nowrap valign="top">x</td></tr></table><hr color="red" noshade>'
        '<img src="https://a.example/x.png" usemap="#m" hspace="2"><map name="m">'
        '<area shape="rect" coords="0,0,9,9" href="https://a.example/" alt="Go"></map>'
        '<p aria-hidden="true" data-x="1">y</p>'
    )
    for kept in (
        *('<a name="top" target="_blank">', '<a href="#top">', 'nowrap=""', 'color="red"', 'usemap="#m"'),
        *(
            '<map name="m">',
            'coords="0,0,9,9"',
            'href="https://a.example/"',
            'aria-hidden="true"',
            'data-x="1"',
        ),
    ):
        assert kept in html


@pytest.mark.parametrize(
    "address",
    [
        *("whatsapp://send?text=x", "weixin://dl", "webcal://a.example/x.ics", "javascript:void(0)"),
        *("data:text/html,x", "page.html", "//a.example/x", "[unsubscribe]"),
    ],
)
def test_links_that_lead_nowhere_are_refused_by_name(address: str) -> None:
    (problem,) = EMAIL.compile(
        {"subject": "Hello", "html": f"<p>x</p>\n<a href='{address}'>y</a>"}, "service", CONTEXT
    ).problems
    assert problem == Problem("content.bad_address", "html", {"line": 2, "url": address})


@pytest.mark.parametrize(
    "address", ["data:image/png;base64,AA==", "cid:logo", "http://a.example/x.png", "x.png", ""]
)
def test_pictures_that_no_mail_program_shows_are_refused_by_name(address: str) -> None:
    (problem,) = EMAIL.compile(
        {"subject": "Hello", "html": f"<p>x</p>\n\n<img src='{address}'>"}, "service", CONTEXT
    ).problems
    assert problem == Problem("content.bad_address", "html", {"line": 3, "url": address})


def test_every_address_that_leads_nowhere_is_named() -> None:
    html = "<img src='a.png'>\n<img src='b.png'>\n<a href='c.html'>x</a><b onclick='x'>y</b>"
    found = EMAIL.compile({"subject": "Hello", "html": html}, "service", CONTEXT).problems
    assert [(one.params.get("line"), one.params.get("url"), one.severe) for one in found] == [
        *((1, "a.png", True), (2, "b.png", True), (3, "c.html", True)),
        (None, None, False),
    ]


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("<script>x</script>", "line 2: <script> is taken out: an e-mail may run nothing"),
        ("<b onclick='x()'>y</b>", "line 2: onclick is taken out: an e-mail may run nothing"),
        (
            "<form action=/x><input></form>",
            "line 2: <form> is taken out: an e-mail has no forms; its text stays",
        ),
        (
            "<td background='https://a.example/x.png'>",
            "line 2: background is taken out: an e-mail loads nothing",
        ),
        (
            "<link rel=stylesheet href='https://a.example/x.css'>",
            "line 2: <link> is taken out: an e-mail loads",
        ),
        ("<!--[if mso]><b>x</b><![endif]-->", "line 2: <!--[if mso]> is taken out: only Outlook for Windows"),
        ("<custom>y</custom>", "line 2: <custom> is taken out: mail programs do not know it; its text stays"),
        ("<svg><path d=M0/><text>y</text></svg>", "line 2: <svg> is taken out: mail programs do not know it"),
        ("<b speed=3>y</b>", "line 2: speed is taken out: mail programs do not know it"),
    ],
)
def test_what_is_taken_out_is_told_with_its_line(source: str, line: str) -> None:
    found = told(f"<p>x</p>\n{source}")
    assert [one for one in found if one.startswith(line)]
    assert all("line 2" in one for one in found)


@pytest.mark.parametrize(
    "source",
    [
        "<!-- note --><p>x</p>",
        "<!--[if !mso]><!--><p>x</p><!--<![endif]-->",
        '<html xmlns="x"><p mc:edit="a">x</p>',
        "<p style='margin:0;mso-line-height-rule:exactly'>x</p>",
        "<title>x</title><meta charset=utf-8>",
    ],
)
def test_nothing_is_told_where_nothing_is_lost(source: str) -> None:
    assert told(source) == []


@pytest.mark.parametrize(
    "odd", ["<![end x]>", "<![if !mso]>y<![endif]>", "<![CDATA[x]]>", "<!", "<![", "<!x", "</ x>"]
)
def test_odd_marks_are_read_as_html_reads_them(odd: str) -> None:
    assert "<p>x</p>" in shown(f"<p>x</p>{odd}")


def test_each_kind_is_told_once_and_not_too_many() -> None:
    many = "".join(f"<x-{number}>\n" for number in range(30))
    found = told(f"{many}<b onclick=1>\n<b onclick=2>")
    assert len(found) == MOST
    assert found[-1] == f"{31 - MOST + 1} further kinds of things are taken out"
    assert told("<b onclick=1>\n" * 9) == [
        "line 1, 2, 3, 4, 5 …: onclick is taken out: an e-mail may run nothing"
    ]


def test_the_head_says_what_it_said_and_has_a_title_and_a_language() -> None:
    html = shown("<p>Dear learner</p>", subject="News & <more>")
    assert '<html lang="en">' in html
    assert "<title>News &amp; &lt;more&gt;</title>" in html
    assert '<html lang="zh">' in shown("<p>你好</p>", subject="新课")
    own = shown(
        '<title>Own {{ username | default("you") }}</title>'
        '<meta name="color-scheme" content="light dark"><p>x</p>'
    )
    assert "<title>Own you</title>" in own
    assert '<meta name="color-scheme" content="light dark">' in own


def test_the_title_is_filled_in_and_escaped() -> None:
    made = compiled("<p>x</p>", "service", subject="Hi {{ display_name }}")
    assert "<title>Hi &lt;b&gt;</title>" in str(rendered(made, display_name="<b>").html)


@pytest.mark.parametrize(
    "source",
    [
        '<body style="color:{{ username }}"><p>x</p>',
        '<html lang="{{ username }}"><p>x</p>',
        "<style>.a{color:{{ username }}}</style><p>x</p>",
        '<meta name="color-scheme" content="{{ username }}"><p>x</p>',
    ],
)
def test_a_value_in_the_head_is_refused(source: str) -> None:
    (problem,) = EMAIL.compile({"subject": "Hello", "html": source}, "service", CONTEXT).problems
    assert problem.code == "content.unsafe_address"


def test_alt_texts_and_links_stand_in_the_text_part() -> None:
    text = rendered(
        compiled(
            '<p><a href="https://a.example/x"><img src="https://a.example/x.png" alt="Open &amp; go"></a>'
            '<img src="https://a.example/y.png" alt="">'
            '<img src="https://a.example/z.png" alt="Our house"></p>'
            '<map name="m"><area href="https://b.example/" alt="Map"></map><p><a href="#top">up</a></p>',
            "service",
        )
    ).text
    assert text.split() == "Open & go https://a.example/x Our house Map https://b.example/ up".split()


def test_a_design_is_longer_than_a_text() -> None:
    assert shown("<p>word</p>" * 5000).count("<p>") == 5000
    (problem,) = EMAIL.compile({"subject": "x", "html": "x" * (LONGEST + 1)}, "service", CONTEXT).problems
    assert problem.code == "content.too_long"


@given(st.text("ab{}()[];:@/*'\"\\ <>-!\n.urlmedia,#", max_size=120))
def test_no_style_sheet_breaks_out_or_loads(text: str) -> None:
    for clean in (css.clean_sheet(text)[0], css.clean_declarations(text)[0]):
        assert "<" not in clean
        assert not re.search(r"url\s*\(|@import", clean, re.I)


@pytest.mark.parametrize(
    "text", ["@media{" * 14_000, "a{b:c}" * 16_000, "a;" * 49_000, "(){" * 30_000, "/*" * 49_000]
)
def test_no_style_sheet_takes_long(text: str) -> None:
    started = time.process_time()
    shown(f"<style>{text}</style><p>x</p>")
    assert time.process_time() - started < 3
