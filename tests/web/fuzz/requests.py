"""Requests that no browser of ours would send: real forms and links with odd values in them."""

import random
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import crm_plugin.web
from crm_plugin.web.shell.guard import Route
from tests.web.fuzz.odd_values import odd
from tests.web.fuzz.pages_forms import Form
from tests.web.routes import ROUTES

PAGES = [route for route in ROUTES if "/api/" not in route.rule]
_READ = re.compile(r"""(?:request\.(?:args|values|form)|form|values)(?:\.get|\.getlist)?[(\[]"(\w+)\"""")
NAMES = sorted(
    {
        name
        for file in Path(crm_plugin.web.__file__).parent.rglob("*.py")
        for name in _READ.findall(file.read_text(encoding="utf-8"))
    }
)
"""The names of fields and parameters that the code of pages reads."""


@dataclass(frozen=True)
class Asked:
    """One request.

    :param body: fields as they are sent, without the token.
    """

    method: str
    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Requests:
    """Makes requests for one school.

    :param forms: name of a route → what pages have for it.
    :param ids: of whatever there is.
    """

    forms: dict[str, list[Form]]
    ids: list[str]

    def make(self, chance: random.Random) -> Asked:
        """Return a request to some page: the same for the same chance."""
        route = chance.choice(PAGES)
        known = self.forms.get(route.name) or [Form("")]
        form = chance.choice(known)
        path = form.path if form.path and chance.random() < 0.8 else self._path(chance, route)
        headers = {"HX-Request": "true"} if chance.random() < 0.3 else {}
        return Asked(route.methods[0], path, _encoded(_changed(chance, form)), headers)

    def _path(self, chance: random.Random, route: Route) -> str:
        def value(_found: Any) -> str:
            return chance.choice(self.ids) if chance.random() < 0.6 else quote(odd(chance)[:3000], safe="")

        return f"/admin/crm{re.sub('<[^>]+>', value, route.rule)}"


def _changed(chance: random.Random, form: Form) -> list[tuple[Any, Any]]:
    """Return the fields of a form with other choices made, and up to three of them odd, twice or left out."""
    fields: list[tuple[Any, Any]] = [pair for pair in form.fields if pair[0] != "csrf_token"]
    for name, values in form.offered.items():
        if chance.random() < 0.5:
            fields = [pair for pair in fields if pair[0] != name] + [(name, chance.choice(values))]
    for _ in range(chance.choice((0, 1, 1, 1, 2, 3))):
        at = chance.randrange(len(fields)) if fields else None
        kind = chance.random()
        if at is None or kind > 0.8:
            fields.insert(0, (chance.choice(NAMES) if kind < 0.97 else odd(chance), odd(chance)))
        elif kind < 0.6:
            fields[at] = (fields[at][0], odd(chance))
        elif kind < 0.7:
            del fields[at]
        else:
            fields.append((fields[at][0], odd(chance)))
    return fields


def _encoded(fields: list[tuple[Any, Any]]) -> bytes:
    return b"&".join(f"{quote(name)}={quote(value)}".encode() for name, value in fields)
