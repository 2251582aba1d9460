"""Content: variables with a default and nothing else; each refusal names its line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_plugin.channels.content import (
    LIMIT,
    LONGEST_VALUE,
    VARIABLES,
    Slot,
    as_is,
    clean,
    names,
    parse,
    template,
)
from crm_plugin.kernel.errors import BadInput


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ nosuch }}", "line 1: unknown field nosuch"),
        ("a\nb\n{{ usernme }}", "line 3: unknown field usernme"),
        ("a\r\nb\r\n{{ nosuch }}", "line 3: unknown field nosuch"),
        ("\n{% for a in b %}{% endfor %}", "line 2: a loop is not allowed"),
        ("{% if username %}x{% endif %}", "line 1: a condition is not allowed"),
        ("{% set a = 1 %}", "line 1: a command is not allowed"),
        ("{% include 'x' %}", "line 1: a command is not allowed"),
        ("{% import 'x' as y %}", "line 1: a command is not allowed"),
        ("{% macro m() %}{% endmacro %}", "line 1: a command is not allowed"),
        ("{{ username.__class__ }}", "line 1: a part of a value is not allowed"),
        ("{{ username['x'] }}", "line 1: a part of a value is not allowed"),
        ("{{ username() }}", "line 1: a call is not allowed"),
        ("{{ lipsum(n=99999999) }}", "line 1: a call is not allowed"),
        ("{{ username ~ username }}", "line 1: a calculation is not allowed"),
        ("{{ 'a' * 999999999 }}", "line 1: a calculation is not allowed"),
        ("{{ username | upper }}", "line 1: the filter upper is not allowed"),
        ("{{ '%1000000000d' | format(1) }}", "line 1: the filter format is not allowed"),
        ("{{ username | default(real_name) }}", "line 1: a default that is no text is not allowed"),
        ("{{ username | default(1) }}", "line 1: a default that is no text is not allowed"),
        ("{{ username | default }}", "line 1: a default that is no text is not allowed"),
        ("{{ username | default('a') | default('b') }}", "line 1: a second filter is not allowed"),
        ("{{ username if 1 else 2 }}", "line 1: a condition is not allowed"),
        ("{{ 1 }}", "line 1: a value that is no text is not allowed"),
        ("{{ [1, 2] }}", "line 1: a calculation is not allowed"),
        ("{{ self }}", "line 1: unknown field self"),
        ("ok\n{{ username", "line 2: something is opened and not closed"),
        ("x" * (LIMIT + 1), f"longer than {LIMIT} bytes"),
        ("课" * (LIMIT // 3 + 1), f"longer than {LIMIT} bytes"),
        ("{{ " + "(" * 5000 + "username" + ")" * 5000 + " }}", "line 1: such nesting is not allowed"),
        ("{{ " + "9" * 9000 + " }}", "line 1: such nesting is not allowed"),
    ],
)
def test_what_is_no_text_and_no_variable_is_refused(source: str, message: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse(source, VARIABLES, "text")
    assert str(refused.value) == f"text: {message}"


def test_text_variables_and_defaults_are_read() -> None:
    pieces = parse("Hi {{ real_name | default('friend') }},\n{{ course_title }}{{ '{{' }}", VARIABLES)
    assert pieces == ["Hi ", Slot("real_name", "friend", 1), ",\n", Slot("course_title", None, 2), "{{"]
    assert names(pieces) == {"real_name", "course_title"}


def test_a_value_then_the_default_then_a_refusal() -> None:
    made = template(parse("{{ real_name | default('friend') }}/{{ username }}", VARIABLES), {}, as_is)
    assert made.required == {"username"}
    assert made.render({"real_name": "Ann", "username": "a"}) == "Ann/a"
    for empty in (None, "", "  ", "\x00"):
        assert made.render({"real_name": empty, "username": "a"}) == "friend/a"
        with pytest.raises(BadInput) as refused:
            made.render({"username": empty})
        assert str(refused.value) == "username has no value and no default"


def test_constants_are_folded_in_and_asked_of_nobody() -> None:
    made = template(
        parse("{{ course_title }} {{ coupon }}", {*VARIABLES, "coupon"}), {"coupon": "A-1"}, as_is
    )
    assert made.variables == {"course_title"}
    assert made.render({"course_title": "C"}) == "C A-1"


@given(st.text())
def test_values_never_bring_a_line_or_a_turn_of_direction(value: str) -> None:
    found = clean(value)
    assert not any(letter < " " or letter in "\x7f\x85\u2028\u2029\u202e\u2066" for letter in found)
    assert len(found) <= LONGEST_VALUE


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_no_source_ever_does_anything_but_text_or_a_refusal(source: str) -> None:
    try:
        pieces = parse(source, VARIABLES)
    except BadInput:
        return
    assert all(isinstance(piece, str | Slot) for piece in pieces)


@given(st.text(st.characters(exclude_characters="{}#%\r"), max_size=100))
def test_plain_text_comes_back_as_it_is(source: str) -> None:
    assert template(parse(source, VARIABLES), {}, as_is).render({}) == source


@given(st.text(max_size=50))
def test_a_value_is_never_read_as_a_template(value: str) -> None:
    made = template(parse("[{{ username | default('-') }}]", VARIABLES), {}, as_is)
    assert made.render({"username": "{{ link }}" + value}).startswith("[{{ link }}")
