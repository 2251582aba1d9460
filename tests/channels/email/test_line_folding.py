"""Long lines of HTML are broken at blanks, so that no mail server needs them in base64."""

import re

import pytest

from crm_plugin.channels.base import Recipient
from crm_plugin.channels.email.channel import EMAIL
from crm_plugin.channels.email.html import FOLDED
from tests.channels.email.test_email import CONTEXT

WORDS = "words that go on and on " * 200


def mime_of(html: str) -> bytes:
    content = {"subject": "Hello", "html": html}
    compiled = EMAIL.compile(content, "service", CONTEXT).ready()
    message = compiled.render(Recipient("1-2", "p1", "a@mail.example", {"display_name": "Ann " * 40}))
    assert message.mime is not None
    return message.mime(True)


def test_a_long_paragraph_goes_as_it_is_written() -> None:
    data = mime_of(f"<p>{WORDS}{{{{ display_name }}}} {WORDS}</p><p title='{'a b ' * 100}'>{WORDS}</p>")
    page = data.split(b"text/html")[1]
    assert b"Content-Transfer-Encoding: 7bit" in page
    shown = re.sub(r"\s+", " ", page.decode())
    assert shown.count(WORDS.strip()) == 3
    assert f'title="{"a b " * 100}"' in page.decode()  # what an attribute shows is not touched
    lines = [line for line in page.split(b"\r\n") if b"title" not in line]
    assert FOLDED <= max(map(len, lines)) < 700


@pytest.mark.parametrize(
    "html", [f"<pre>{WORDS}</pre>", f"<p style='white-space: pre-wrap'>{WORDS}</p>"], ids=["pre", "css"]
)
def test_where_line_breaks_show_there_are_none_of_ours(html: str) -> None:
    assert b"base64" in mime_of(html).split(b"text/html")[1]
