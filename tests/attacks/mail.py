"""An e-mail through the whole road from a content to bytes, as the attacks on it need it."""

from collections.abc import Callable
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any, TypeVar

from crm_plugin.channels.base import Context, Recipient
from crm_plugin.channels.email.channel import EMAIL
from crm_plugin.kernel.errors import BadInput

T = TypeVar("T")

CONTEXT = Context(
    site_name="School",
    sender="School <no-reply@school.example>",
    clock=lambda: datetime(2026, 11, 15, 12, 0, tzinfo=UTC),
)
OPT_OUT = "https://s.example/u/email-k7WQp2mXv9RtLe"


def written(content: dict[str, Any], address: str = "ann@a.example", **values: str) -> bytes:
    """The bytes that a mail server would get."""
    made = EMAIL.compile({"subject": "Hello", **content}, "marketing", CONTEXT).ready()
    message = made.render(Recipient("17-4", "7", address, {"unsubscribe": OPT_OUT, **values}, (), 17))
    assert message.mime is not None
    return message.mime(True)


def read(data: bytes) -> EmailMessage:
    found = message_from_bytes(data, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def page(html: str, **values: str) -> str:
    """The HTML part of a message with this HTML."""
    body = read(written({"html": html}, **values)).get_body(("html",))
    assert body is not None
    return str(body.get_content())


def tried(work: Callable[..., T], *arguments: Any, **named: Any) -> tuple[T | None, str]:
    """What ``work`` returns, or the code of its refusal."""
    try:
        return work(*arguments, **named), ""
    except BadInput as refused:
        return None, refused.code


class Tags(HTMLParser):
    """Every tag and attribute of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.styles = ""
        self._in_style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self._in_style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.styles += data
