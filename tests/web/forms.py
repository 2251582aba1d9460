"""Reads the forms of a page as a browser would post them."""

from html.parser import HTMLParser

from werkzeug.datastructures import MultiDict


class _Reader(HTMLParser):
    def __init__(self, form_id: str | None) -> None:
        super().__init__()
        self.wanted = form_id
        self.inside = form_id is None
        self.fields: list[tuple[str, str]] = []
        self.select: str | None = None
        self.multiple = False
        self.chosen: list[str] = []
        self.first: str | None = None
        self.area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form" and self.wanted is not None:
            self.inside = found.get("id") == self.wanted or found.get("action", "").endswith(self.wanted)
        if not self.inside:
            return
        if tag == "input" and "name" in found and found.get("type") not in ("submit", "button"):
            if found.get("type") not in ("checkbox", "radio") or "checked" in found:
                self.fields.append((found["name"], found.get("value", "")))
        elif tag == "select" and "name" in found:
            self.select, self.multiple, self.chosen, self.first = found["name"], "multiple" in found, [], None
        elif tag == "option" and self.select is not None:
            self.first = found.get("value", "") if self.first is None else self.first
            if "selected" in found:
                self.chosen.append(found.get("value", ""))
        elif tag == "textarea" and "name" in found:
            self.area = found["name"]
            self.fields.append((self.area, ""))

    def handle_data(self, data: str) -> None:
        if self.area is not None:
            name, text = self.fields[-1]
            self.fields[-1] = (name, text + data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self.area = None
        elif tag == "select" and self.select is not None:
            chosen = self.chosen or ([self.first] if self.first is not None and not self.multiple else [])
            self.fields += [(self.select, value) for value in chosen]
            self.select = None
        elif tag == "form" and self.wanted is not None:
            self.inside = False


def posted(html: str, form: str | None = None) -> MultiDict[str, str]:
    """Return what the form (its id, or the end of its action) would post; None = the whole page is one."""
    reader = _Reader(form)
    reader.feed(html)
    return MultiDict(reader.fields)
