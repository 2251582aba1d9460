"""Contents that want to be programs: nothing runs, nothing grows, and the refusal comes at once."""

import time

import pytest

from crm_plugin.channels.content import LIMIT, VARIABLES, parse
from crm_plugin.kernel.errors import BadInput
from tests.attacks.mail import page, read, written

ESCAPES = [
    "{{ username.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''.__class__ }}",
    "{{ username|attr('__class__') }}",
    "{{ username['__init__']['__globals__'] }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ self._TemplateReference__context }}",
    "{{ config }}",
    "{{ request.application }}",
    "{{ namespace() }}",
    "{{ joiner }}",
    "{{ dict(a=1) }}",
    "{{ '%s'|format(username) }}",
    "{{ '{0.__class__}'.format(username) }}",
    "{{ '{a.b}'|format_map(username) }}",
    "{{ username|map('upper')|list }}",
    "{{ username|default(username.__class__) }}",
    "{{ username|default(value=lipsum()) }}",
    "{{ username|default('a', *x) }}",
    "{{ username|default('a', **x) }}",
    "{{ not username }}",
    "{{ username is defined }}",
    "{{ username in 'abc' }}",
    "{{ -1 }}",
    "{{ username == 'x' }}",
    "{{ username[0:10**9] }}",
    "{{ (username, username) }}",
    "{{ {'a': username} }}",
    "{% for i in range(10**12) %}x{% endfor %}",
    "{% for a in 'x' %}{% for b in 'x' %}{% for c in 'x' %}x{% endfor %}{% endfor %}{% endfor %}",
    "{% set x = 'a' * 10**9 %}",
    "{% with a=1 %}{% endwith %}",
    "{% extends '/etc/passwd' %}",
    "{% include '/etc/passwd' %}",
    "{% from 'os' import path %}",
    "{% call username() %}{% endcall %}",
    "{% filter upper %}x{% endfilter %}",
    "{% block x %}{% endblock %}",
    "{% do x %}",
    "{% autoescape false %}{{ username }}{% endautoescape %}",
    "{% debug %}",
    "{{ {{ username }} }}",
    "{{ '{{' }}{{ nosuch }}",
    "{{" * 2000,
    "{{%" * 2000,
    "{{ username " + "| default('x') " * 1000 + "}}",
    "{{ " + "[" * 4000,
    "{{ " + "not " * 4000 + "username }}",
    "{{ " + "-" * 4000 + "1 }}",
    "{{ username" + ".a" * 4000 + " }}",
    "{{ username" + "()" * 4000 + " }}",
    "{{ 9**9**9**9 }}",
    "{{ 1e99999 }}",
    "x" * (LIMIT + 1),
]


@pytest.mark.parametrize("source", ESCAPES, ids=lambda source: source[:40])
def test_it_is_refused_at_once(source: str) -> None:
    began = time.process_time()
    with pytest.raises(BadInput) as refused:
        parse(source, VARIABLES, "html")
    assert refused.value.code.startswith("content.")
    assert time.process_time() - began < 2


def test_as_many_places_as_fit_are_rendered_in_no_time() -> None:
    source = "{{username}}" * (LIMIT // 12 - 10)
    began = time.process_time()
    data = written({"html": source}, username="课" * 1000)
    assert time.process_time() - began < 2
    assert len(data) < 20_000_000, "1,600 places of 1,000 letters, twice: a bound, not a bomb"


@pytest.mark.parametrize(
    "value", ["{{ real_name }}", "{% for %}", "{{ 7*7 }}", "${unsubscribe}", "%(link)s", "{0}"]
)
def test_a_value_is_never_read_again(value: str) -> None:
    data = written({"html": "<p>{{ username }}</p>", "subject": "{{ username }}"}, username=value)
    assert value in str(read(data)["Subject"])
    assert value in page("<p>{{ username }}</p>", username=value)


def test_a_variable_of_the_campaign_cannot_take_the_place_of_a_persons() -> None:
    with pytest.raises(BadInput):
        parse("{{ email }}{{ phone }}", VARIABLES)
    content = {
        "html": "<p>{{ username }}</p>",
        "variables": {"username": "all", "unsubscribe": "https://x.y"},
    }
    text = written(content, username="Ann").decode()
    assert "all" not in text
    assert "https://x.y" not in text
