"""Why somebody is, or is not, in a quick query or campaign: each condition in words, with its outcome."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import request

from crm_plugin.campaigns import access
from crm_plugin.campaigns.reporting.report import outcome_of
from crm_plugin.kernel.errors import CrmError
from crm_plugin.profiles.people.queries import PersonRow
from crm_plugin.segments import queries
from crm_plugin.segments.wording.describe import decisions
from crm_plugin.web.segments.builder.fields import value_word
from crm_plugin.web.shell.formatting import moment
from crm_plugin.web.shell.guard import actor, crm
from crm_plugin.web.shell.i18n import explain, locale

CAMPAIGNS = 30
"""The newest campaigns that can be asked about."""
_NOTHING: dict[str, Any] = {"why": None, "why_in": False, "why_problem": "", "why_asked": "", "why_row": None}


@dataclass(frozen=True)
class Asked:
    """A quick query or campaign that the page explains."""

    tree: Any
    at: datetime | None = None
    """The present that a campaign's audience was decided at; None = now."""
    row: tuple[str, str | None] | None = None
    """State and reason of the person's row in the campaign's ledger."""


def why(one: PersonRow) -> dict[str, Any]:
    """Return what the page says about what the address asks for: ``why`` is ``q<id>`` or ``c<id>``.

    :raises NotFound: ``object.missing`` for a quick query or campaign that the actor may not see.
    """
    text = request.args.get("why", "")
    campaigns = access.named(crm(), actor(), CAMPAIGNS)
    if text[:1] not in ("q", "c") or not (text[1:].isascii() and text[1:].isdigit()):
        return {**_NOTHING, "campaigns": campaigns}
    asked = _search(int(text[1:])) if text[0] == "q" else _campaign(int(text[1:]), one)
    shown = {
        **_NOTHING,
        "readable": _readable,
        "campaigns": campaigns,
        "why_asked": text,
        "why_row": asked.row,
    }
    try:
        found = decisions(
            crm(), asked.tree, one.host_id, locale(), at=asked.at, actor=actor(), namer=value_word
        )
    except CrmError as error:
        return {**shown, "why_problem": explain(error)}
    return {**shown, "why_in": found[0], "why": found[1]}


def _readable(seen: str | int | float) -> str:
    """Return a value as the page shows it: instants in the reader's zone, everything else as it is."""
    if isinstance(seen, str) and "T" in seen and seen.endswith("Z"):
        try:
            return moment(datetime.fromisoformat(seen))
        except ValueError:
            return seen
    return str(seen)


def _search(ident: int) -> Asked:
    return Asked(queries.get(crm(), ident, actor()).tree)


def _campaign(ident: int, one: PersonRow) -> Asked:
    row = access.get(crm(), actor(), ident)
    return Asked(row.audience, row.as_of, outcome_of(crm(), ident, one.id))
