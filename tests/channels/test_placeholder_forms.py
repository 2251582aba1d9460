"""Text never vanishes, and a placeholder of another syntax is named before anything is sent."""

from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.channels.base import Context, Recipient, SmsText
from crm_plugin.channels.content import VARIABLES, as_is, parse, template
from crm_plugin.channels.email.channel import EMAIL
from crm_plugin.channels.models import SmsTemplate
from crm_plugin.channels.placeholder_forms import foreign_placeholders
from crm_plugin.channels.private_message import MESSAGE
from crm_plugin.channels.sms.channel import SMS, approved_text
from crm_plugin.channels.sms.templates import find, load_stock, row_of, stock, versions
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import CODES, BadInput
from tests.fakes.crm import NOW

CONTEXT = Context(site_name="School", sender="a@b.example")


def codes(text: str) -> list[str]:
    found = foreign_placeholders(text, {*VARIABLES, "coupon"}, "text")
    return [f"{one.code.removeprefix('content.')}:{one.params['written']}" for one in found]


def test_one_in_many_places_is_named_once() -> None:
    found = foreign_placeholders("a\n*|MC:SUBJECT|*\n%NAME%\n*|MC:SUBJECT|*", VARIABLES, "text")
    assert [(one.params["line"], one.params["written"]) for one in found] == [
        (2, "*|MC:SUBJECT|*"),
        (3, "%NAME%"),
    ]


@pytest.mark.parametrize(
    "source", ["Your code {#A1#}", "{# note #}", "{#", "#}", "{% off %", "100 {%}", "a {{ '{#' }}"]
)
def test_signs_of_other_templates_are_text(source: str) -> None:
    shown = template(parse(source, VARIABLES), {}, as_is).render({})
    assert shown == source.replace("{{ '{#' }}", "{#")


def test_minified_css_is_read() -> None:
    css = "@media (max-width:5px){#a{color:red}}@keyframes x{0%{top:0}100%{top:1px}}@media print{%a{top:0}}"
    made = EMAIL.compile({"subject": "x", "html": f"<style>{css}</style><p id=a>x</p>"}, "service", CONTEXT)
    assert made.problems == []
    page = str(made.ready().render(Recipient("1-2", "7", "a@b.example")).html)
    assert "#a {color:red}" in page


@pytest.mark.parametrize(
    "written",
    [
        "${display_name}",
        "｛｛display_name｝｝",
        "{ { display_name } }",
        "{｛ display_name ｝}",
        "{{ display_name ｝｝",
        "{{display_name} }",
        "*|DISPLAY_NAME|*",
        "%%display_name%%",
        "%DISPLAY_NAME%",
        "[[display_name]]",
        "<%= display_name %>",
        "#{display_name}",
        "{$display_name}",
        "{display_name}",
        "￥{display_name}",
        "https://a.example/?x=%7B%7B%20display_name%20%7D%7D",
    ],
)
def test_a_field_in_another_syntax_stops_the_launch_in_every_channel(written: str) -> None:
    (found,) = foreign_placeholders(f"Hi\n{written}", VARIABLES, "text")
    assert (found.code, found.severe, found.params["line"]) == ("content.other_placeholder", True, 2)
    assert "write {{ display_name }}" in CODES[found.code].format(**found.params)
    for channel, part in ((EMAIL, "text"), (EMAIL, "html"), (EMAIL, "subject"), (MESSAGE, "text")):
        content = {"subject": "x", "text": "y", part: f"Hi {written}"}
        with pytest.raises(BadInput) as refused:
            channel.compile(content, "service", CONTEXT).ready()
        assert refused.value.code in ("content.other_placeholder", "content.syntax")
        assert refused.value.place == part


@pytest.mark.parametrize(
    "written", ["*|FNAME|*", "%FIRSTNAME%", "${price}", "{first_name}", "{1}", "%recipient.name%", "{#A1#}"]
)
def test_what_may_be_meant_as_text_is_a_warning(written: str) -> None:
    (found,) = foreign_placeholders(f"Hi {written}!", VARIABLES, "text")
    assert (found.code, found.severe, found.params["written"]) == ("content.sent_as_written", False, written)
    text = MESSAGE.compile({"text": f"Hi {written}!"}, "service", CONTEXT).ready()
    assert text.render(Recipient("k", "7", "7")).text == f"Hi {written}!"


@pytest.mark.parametrize(
    "text",
    [
        "{{ display_name }}",
        "{{display_name|default('x')}}",
        "100%OFF 30%OFF",
        "https://a.example/%E8%AF%BE%AF%BE%20",
        "p{color:red}",
        "[link]",
        "a{b}",
        "$5 {",
        "满100%减50%",
        "@media x{#a{b:c}#b{d:e}}",
        "5 < 6 % 7 >",
    ],
)
def test_other_text_is_left_alone(text: str) -> None:
    assert codes(text) == []


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"link": "https://a.example/?u={{ username }}"}, "link"),
        ({"link": "https://a.example/?u=${username}"}, "link"),
        ({"link": "https://a.example/?u=%7B%7Busername%7D%7D"}, "link"),
        ({"variables": {"coupon": "for {{ display_name | default('you') }}"}}, "variables.coupon"),
        ({"fallbacks": {"display_name": "｛｛ username ｝｝"}}, "fallbacks.display_name"),
    ],
)
def test_a_field_where_none_is_filled_in_stops_the_launch(values: dict[str, Any], place: str) -> None:
    content = {"subject": "x", "text": "y {{ link }}", "link": "https://a.example/", **values}
    for made in (EMAIL.compile(content, "service", CONTEXT), MESSAGE.compile(content, "service", CONTEXT)):
        assert [(one.code, one.place) for one in made.problems] == [("content.not_filled_in", place)]
    assert [one.place for one in sms("y", **values).problems] == [place]


def test_values_may_hold_any_other_sign() -> None:
    content = {
        "text": "y {{ coupon }}",
        "variables": {"coupon": "{A-1} 100% {{"},
        "link": "https://a.example/{id}?x=%7B",
    }
    assert MESSAGE.compile(content, "service", CONTEXT).problems == []


def sms(text: str, **values: Any) -> Any:
    context = Context(sms=SmsText("t", text, "service", "approved", "en"))
    return SMS.compile({"template": "t", "link": "https://a.example/", **values}, "service", context)


def text_of(made: Any, **values: str) -> str:
    return str(made.ready().render(Recipient("k", "7", "+8613800138000", values)).text)


def test_sms_take_the_syntax_of_all_channels_and_that_of_carriers() -> None:
    for text in (
        "Hi {{ display_name }}",
        "Hi {{display_name}}",
        "Hi ${display_name}",
        "Hi ${ display_name }",
    ):
        assert text_of(sms(text), display_name="Ann") == "Hi Ann"
    fallback = sms("Hi {{ display_name | default('you') }}")
    assert text_of(fallback) == "Hi you"
    assert fallback.ready().render(Recipient("k", "7", "+86")).params == {"display_name": "you"}


@pytest.mark.parametrize(
    "text", ["Hi ｛｛ display_name ｝｝", "Hi { { display_name } }", "Hi {display_name}"]
)
def test_a_field_of_another_syntax_in_an_sms_is_named(text: str) -> None:
    assert [one.code for one in sms(text).problems] == ["content.other_placeholder"]


def test_carriers_get_their_own_syntax() -> None:
    assert approved_text(SmsText("t", "Hi {{ display_name }}: {{ link }}", "service", "approved")) == (
        "Hi ${display_name}: ${link}"
    )


def test_texts_of_earlier_versions_go_on_and_make_no_new_version(database: Database) -> None:
    old = stock()["promotion-en"].text.replace("{{ ", "${").replace(" }}", "}")
    assert "${link}" in old
    with database.begin() as session:
        session.add(row_of(stock()["promotion-en"], 1, NOW))
        session.flush()
        session.execute(sa.update(SmsTemplate).values(text=old))
        load_stock(session, NOW)
        assert len(versions(session, "promotion-en")) == 1
        found = find(session, "promotion-en")
    assert found is not None
    assert found.text == stock()["promotion-en"].text
