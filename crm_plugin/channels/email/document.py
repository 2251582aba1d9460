"""The document around an e-mail's body: language, title, rules that stay, and the look of the body."""

import re
from collections.abc import Mapping, Sequence

from crm_plugin.channels.content import Piece, Prepared, Slot
from crm_plugin.channels.email import css
from crm_plugin.channels.email.allowed import ATTRIBUTES
from crm_plugin.channels.email.html import Body, escape_html
from crm_plugin.channels.email.placeholders import Marker

WRAPPER = "crm-body"
"""Class of the element that looks as the author's body did; some mail programs drop the tag body."""
_HANDED_DOWN = re.compile(r"\s*(?:background|color|font|line-height|letter-spacing|text-|direction)", re.I)
_BODY_RULE = re.compile(r"(^|[{},])(\s*)body(\s*)(?=[,{])")
_PLAIN = ("lang", "dir", "class", "id", "bgcolor", *sorted(ATTRIBUTES["body"]))


def opening(body: Body, lang: str, subject: Sequence[Piece], marker: Marker) -> list[Prepared]:
    """Return everything before the content of the body.

    :param lang: of the text, where its author names none.
    :param subject: the title, where its author wrote none.
    """
    html, own = body.source.html, body.source.body
    root = {"lang": html.get("lang") or own.get("lang") or lang, "dir": html.get("dir", "")}
    written = marker.split(body.source.title)  # as it stands there: escaped
    title = written or [escape_html(one) if isinstance(one, str) else one for one in subject]
    wrapper = _wrapper(own)
    styles = _BODY_RULE.sub(rf"\1\2body, .{WRAPPER}\3", body.source.styles) if wrapper else body.source.styles
    start = (
        f'<!DOCTYPE html><html{_attributes({**root, "style": _style(html)})}><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"{''.join(_meta(*one) for one in body.source.metas.items())}<title>"
    )
    look = {name: own.get(name, "") for name in _PLAIN} | {"style": _style(own)}
    end = f"{styles and f'<style>{styles.strip()}</style>'}</head><body{_attributes(look)}>"
    words: list[Prepared] = [(one, escape_html) if isinstance(one, Slot) else one for one in title]
    return [start, *words, f"</title>{end}{wrapper}"]


def closing(body: Body) -> str:
    """Return everything behind the content of the body."""
    return f"{'</div>' if _wrapper(body.source.body) else ''}</body></html>\n"


def _wrapper(own: Mapping[str, str]) -> str:
    """Return the element that hands the body's look down; empty where it has none."""
    declarations = [one for one in _style(own).split(";") if _HANDED_DOWN.match(one)]
    if own.get("bgcolor") and not any("background" in one for one in declarations):
        declarations.append(f"background-color: {own['bgcolor']}")
    if own.get("text") and not any(one.strip().startswith("color") for one in declarations):
        declarations.append(f"color: {own['text']}")
    style = css.clean_declarations(";".join(declarations))[0]
    look = {name: own.get(name, "") for name in ("lang", "dir")}
    if not style and not any(look.values()):
        return ""
    return f"<div{_attributes({'class': WRAPPER, **look, 'style': style.strip()})}>"


def _style(attributes: Mapping[str, str]) -> str:
    return css.clean_declarations(attributes.get("style", ""))[0]


def _meta(name: str, content: str) -> str:
    return f"<meta{_attributes({'name': name, 'content': content})}>"


def _attributes(values: Mapping[str, str]) -> str:
    return "".join(f' {name}="{escape_html(value)}"' for name, value in values.items() if value)
