"""What of an author's HTML an e-mail may hold; the reader that reports and the cleaner share it."""

import re

import nh3

TAGS = nh3.ALLOWED_TAGS | {"address", "big", "font", "main", "section", "tfoot"}
CONTENT_GOES = frozenset({"script", "style", "title"})
"""Tags whose content is no text of the message."""
DOCUMENT = frozenset({"html", "head", "body", "meta", "title", "style"})
"""Tags that the document gets anyway; what they say is carried over."""
_STYLED = ("style", "align", "valign", "width", "height", "bgcolor", "border", "cellpadding", "cellspacing")
ATTRIBUTES = {tag: set(names) for tag, names in nh3.ALLOWED_ATTRIBUTES.items()}
for _tag, _names in {
    "*": f"{' '.join(_STYLED)} class id dir lang title role hidden nowrap",
    "a": "href hreflang name target",
    "area": "alt coords href shape target",
    "body": "text leftmargin topmargin rightmargin bottommargin marginwidth marginheight",
    "br": "clear",
    "font": "color face size",
    "hr": "align size width color noshade",
    "img": "src alt width height align border hspace vspace usemap",
    "li": "type value",
    "map": "name",
    "ol": "start type",
    "ul": "type",
}.items():
    ATTRIBUTES.setdefault(_tag, set()).update(_names.split())
PREFIXES = frozenset({"aria-", "data-"})
"""Beginnings of attributes that any tag may have."""
SCHEMES = {"http", "https", "mailto", "tel", "sms"}
WITH_VALUES = ("alt", "title", "aria-label")
"""Attributes that may hold a person's value: they are shown and never run."""

WEB = re.compile(r"https?://[^/?#\s]+", re.I)
BEGUN = re.compile(r"https?://[^/?#\s]+[/?#]|mailto:|tel:|sms:|#", re.I)
"""An address whose beginning nobody's value can change any more."""
PICTURE = re.compile(r"https://[^/?#\s]+", re.I)


def has_place(tag: str, attribute: str) -> bool:
    """Return whether an attribute of a tag stays."""
    named = attribute in ATTRIBUTES["*"] or attribute in ATTRIBUTES.get(tag, ())
    return named or attribute.startswith(tuple(PREFIXES))
