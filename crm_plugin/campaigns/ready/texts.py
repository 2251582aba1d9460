"""The e-mails and messages of ready actions: data in ``templates/ready/<language>``, made into a content."""

import tomllib
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import Any

from crm_plugin.kernel.i18n import SOURCE
from crm_plugin.kernel.resources import folder

_BUTTON = (
    '<p><a href="{{ link }}" style="display: inline-block; padding: 12px 20px; border-radius: 6px; '
    'background: #2f4fd0; color: #ffffff; text-decoration: none">%s</a></p>'
)


@dataclass(frozen=True)
class ReadyText:
    """What an action says, with ``{{ title }}`` where the course or class is named.

    :param message: the private message.
    """

    subject: str
    heading: str
    paragraphs: tuple[str, ...]
    button: str
    message: str


@cache
def text_of(name: str, locale: str) -> ReadyText:
    """Return the text of an action in a language; in English where there is none in that."""
    path = folder("templates") / "ready" / locale.split("-")[0].split("_")[0] / f"{name}.toml"
    if not path.exists():
        path = folder("templates") / "ready" / SOURCE / f"{name}.toml"
    found = tomllib.loads(path.read_text(encoding="utf-8"))
    return ReadyText(**{**found, "paragraphs": tuple(found["paragraphs"])})


def content_of(text: ReadyText, channel: str, variable: str) -> dict[str, Any]:
    """Return the content of a campaign file.

    :param variable: what names the course or class: ``course_title`` or ``class_title``.
    """
    if channel == "message":
        return {"text": _named(text.message, variable)}
    html = [f"<h2>{escape(text.heading)}</h2>", *(f"<p>{escape(one)}</p>" for one in text.paragraphs)]
    plain = [text.heading, *text.paragraphs, f"{text.button}: {{{{ link }}}}"]
    return {
        "subject": _named(text.subject, variable),
        "html": _named("\n".join([*html, _BUTTON % escape(text.button)]), variable),
        "text": _named("\n\n".join(plain), variable),
    }


def _named(text: str, variable: str) -> str:
    return text.replace("{{ title }}", f"{{{{ {variable} }}}}")
