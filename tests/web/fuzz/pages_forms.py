"""The forms and links of pages, read as a browser reads them, with all that their fields offer."""

from collections import defaultdict
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

from werkzeug.exceptions import HTTPException

from tests.web.fixtures import School

Pair = tuple[str, str]
_FIELDS = ("input", "button", "select", "textarea", "option")


@dataclass
class Form:
    """One form, or a link with its parameters.

    :param fields: names and values as they would be sent.
    :param offered: name → the values that its choices and buttons offer.
    """

    path: str
    fields: list[Pair] = field(default_factory=list)
    offered: dict[str, list[str]] = field(default_factory=dict)


class _Reader(HTMLParser):
    """Reads one page: (method, form) of all that it can send."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self.found: list[tuple[str, Form]] = []
        self.inside: Form | None = None
        self.by_id: dict[str, Form] = {}
        self.select = ""
        self.area: Form | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.inside = Form(self.to(found.get("action", "")))
            self.found.append((found.get("method", "get").upper(), self.inside))
            self.by_id[found.get("id", "")] = self.inside
        for name in ("href", "hx-get"):
            if name in found:
                asked = list(parse_qsl(urlsplit(found[name]).query))
                self.found.append(("GET", Form(self.to(found[name]), asked)))
        owner = self.by_id[found["form"]] if found.get("form") in self.by_id else self.inside
        if owner is not None and found.get("hx-post"):
            # A part of a form that asks by itself sends the fields of the whole.
            self.found.append(("POST", Form(self.to(found["hx-post"]), owner.fields, owner.offered)))
        if owner is not None and tag in _FIELDS:
            self.field(owner, tag, found)

    def to(self, address: str) -> str:
        """Return the path that an address leads to."""
        return urlsplit(urljoin(self.path, address)).path

    def field(self, owner: Form, tag: str, found: dict[str, str]) -> None:
        """Take in a field."""
        name, value = found.get("name", ""), found.get("value", "")
        if tag == "select":
            self.select = name
        elif tag == "option":
            owner.offered.setdefault(self.select, []).append(value)
            if "selected" in found or self.select not in dict(owner.fields):
                owner.fields.append((self.select, value))
        elif name:
            self.area = owner if tag == "textarea" else None
            choice = tag == "button" or found.get("type") in ("checkbox", "radio", "submit")
            if choice:
                owner.offered.setdefault(name, []).append(value)
            if not choice or "checked" in found:
                owner.fields.append((name, value))

    def handle_data(self, data: str) -> None:
        if self.area is not None:
            name, text = self.area.fields[-1]
            self.area.fields[-1] = (name, text + data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self.area = None
        elif tag == "form":
            self.inside = None


def forms_of(school: School, pages: list[str]) -> dict[str, list[Form]]:
    """Return name of a route → its forms and links on some pages, each of which opens."""
    routes = school.app.url_map.bind("localhost")
    found: dict[str, list[Form]] = defaultdict(list)
    for path in pages:
        page = school.get(path)
        assert page.status_code in (200, 302), (path, page.status_code)
        reader = _Reader(f"/admin/crm{path}")
        reader.feed(page.text)
        for method, form in reader.found:
            try:
                endpoint, _ = routes.match(form.path, method=method)
            except HTTPException:
                continue  # It leads to the school.
            found[str(endpoint).removeprefix("crm.")].append(form)
    return found
