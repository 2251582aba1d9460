"""Why somebody is, or is not, in a quick query or campaign: each condition in words, with its outcome."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from crm_plugin.campaigns import access
from crm_plugin.campaigns.reporting.report import outcome_of
from crm_plugin.kernel.errors import CrmError
from crm_plugin.kernel.storable import is_whole
from crm_plugin.profiles.people.queries import PersonRow
from crm_plugin.segments import queries
from crm_plugin.segments.wording.describe import decisions
from crm_plugin.web.segments.builder.fields import value_word
from crm_plugin.web.segments.pickers import choices
from crm_plugin.web.shell.formatting import moment
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import explain, locale, say

ROUTES = Routes()

_KINDS = (("q", "query"), ("c", "campaign"))
"""Letter of what can be asked about → its list of choices."""
_NOTHING: dict[str, Any] = {
    "why": None,
    "why_in": False,
    "why_problem": "",
    "why_asked": "",
    "why_name": "",
    "why_row": None,
}


@dataclass(frozen=True)
class Asked:
    """A quick query or campaign that the page explains."""

    key: str
    """As the address names it: ``q<id>`` or ``c<id>``."""
    name: str
    tree: Any
    at: datetime | None = None
    """The present that a campaign's audience was decided at; None = now."""
    row: tuple[str, str | None] | None = None
    """State and reason of the person's row in the campaign's ledger."""


@ROUTES.page("/people/why")
def people_why() -> ResponseReturnValue:
    """Return as JSON what a person's page can be asked about: quick queries and campaigns with ``q``."""
    text = request.args.get("q", "")[:100]
    groups = {"query": say("Quick queries"), "campaign": say("Campaigns")}
    return jsonify(
        items=[
            {"id": letter + ident, "label": label, "optgroup": groups[what]}
            for letter, what in _KINDS
            for ident, label in choices(what, text)
        ]
    )


def why(one: PersonRow) -> dict[str, Any]:
    """Return what the page says about what the address asks for.

    ``why`` is ``q<id>``, ``c<id>``, or the name of one, as it is typed without JavaScript.

    :raises NotFound: ``object.missing`` for a quick query or campaign that the actor may not see.
    """
    asked = _asked(request.args.get("why", "")[:200].strip(), one)
    if asked is None:
        return _NOTHING
    shown = {
        **_NOTHING,
        "readable": _readable,
        "why_asked": asked.key,
        "why_name": asked.name,
        "why_row": asked.row,
    }
    try:
        found = decisions(
            crm(), asked.tree, one.host_id, locale(), at=asked.at, actor=actor(), namer=value_word
        )
    except CrmError as error:
        return {**shown, "why_problem": explain(error)}
    return {**shown, "why_in": found[0], "why": found[1]}


def _asked(text: str, one: PersonRow) -> Asked | None:
    """Return what the page is asked about; None where it is nothing, or nothing of that name."""
    named = (letter + ident for letter, what in _KINDS for ident, name in choices(what, text) if name == text)
    key = text if _is_key(text) else next(named, "") if text else ""
    if not key:
        return None
    return _search(int(key[1:])) if key[0] == "q" else _campaign(int(key[1:]), one)


def _is_key(text: str) -> bool:
    return text[:1] in ("q", "c") and is_whole(text[1:])


def _readable(seen: str | int | float) -> str:
    """Return a value as the page shows it: instants in the reader's zone, everything else as it is."""
    if isinstance(seen, str) and "T" in seen and seen.endswith("Z"):
        try:
            return moment(datetime.fromisoformat(seen))
        except ValueError:
            return seen
    return str(seen)


def _search(ident: int) -> Asked:
    row = queries.get(crm(), ident, actor())
    return Asked(f"q{ident}", row.name, row.tree)


def _campaign(ident: int, one: PersonRow) -> Asked:
    row = access.get(crm(), actor(), ident)
    return Asked(f"c{ident}", row.name, row.audience, row.as_of, outcome_of(crm(), ident, one.id))
