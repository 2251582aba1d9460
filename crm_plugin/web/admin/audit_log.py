"""The audit log: filters by actor, action, person or thing, and time; pages and a file."""

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import Any

from flask import Response, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.campaigns import access
from crm_plugin.kernel.clock import parse_instant
from crm_plugin.kernel.errors import BadInput, Clause, CrmError
from crm_plugin.kernel.i18n import Text
from crm_plugin.kernel.storable import whole
from crm_plugin.profiles.people import audit_trail
from crm_plugin.profiles.people.audit_trail import AuditEntry, Sought
from crm_plugin.segments.bulk.spreadsheet import csv_parts
from crm_plugin.web.admin.audit_words import TABLES
from crm_plugin.web.shell import formatting
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import explain, say
from crm_plugin.web.shell.rendering import render
from crm_plugin.web.shell.vocabulary import word

ROUTES = Routes()

PAGE = 50
HEADING = (
    *(
        Text("Time"),
        Text("Who (id)"),
        Text("Who", "audit log"),
        Text("Action (id)"),
        Text("What", "audit log"),
    ),
    *(Text("About", "audit log"), Text("About (id)"), Text("Person (number)"), Text("Person")),
    *(Text("People", "audit log"), Text("Details")),
)
"""Columns of the file."""
FIELDS = ("actor", "action", "about", "since", "until")
"""Names of the filters in the address."""
_PLACES = {
    "campaign": ("campaign", "ident"),
    "sms_template": ("sms_template", "key"),
    "query": ("people", "query"),
    "token": ("tokens", ""),
    "topic": ("topics", ""),
    "stream": ("data", ""),
}
"""Kind of an object → its page, and the name of the value that says which one."""
_FIRST_DAY, _LAST_DAY = datetime(1970, 1, 2), datetime(9998, 1, 1)
"""Further days are these: no zone leads out of the calendar from them."""
_SPOKEN = {"channel": "channel", "reason": "reason", "level": "intention", "what": "delivery"}
"""Detail whose value is a name of ours → the table of its words."""


@ROUTES.page("/audit", "crm.admin")
def audit_log() -> ResponseReturnValue:
    """Show the log, the newest first, and the form of filters."""
    asked = {name: request.args.get(name, "").strip() for name in FIELDS}
    before, problem, rows = request.args.get("before", type=whole), "", list[AuditEntry]()
    try:
        rows = audit_trail.listed(crm(), actor(), _sought(asked), before, PAGE + 1)
    except BadInput as error:
        problem = explain(error)
    more, rows = len(rows) > PAGE, rows[:PAGE]
    chosen: dict[str, Any] = {name: value for name, value in asked.items() if value}
    return render(
        "admin/audit_log.html",
        title=say("Audit log"),
        active="audit",
        status=400 if problem else 200,
        problem=problem,
        lines=_lines(rows),
        asked=asked,
        chosen=chosen,
        actors=[(one, _name(one, name)) for one, name in audit_trail.actors(crm(), actor())],
        areas=_areas(),
        next=url_for("crm.audit_log", **chosen, before=rows[-1].id) if more else "",
        first=url_for("crm.audit_log", **chosen) if before else "",
    )


@ROUTES.page("/audit/export", "crm.admin", post=True)
def audit_export() -> ResponseReturnValue:
    """Answer with everything that the filters leave, as CSV."""
    asked = {name: request.form.get(name, "").strip() for name in FIELDS}
    rows = audit_trail.exported(crm(), actor(), _sought(asked))
    heading = [say(one) for one in HEADING]
    body = stream_with_context(csv_parts(heading, map(_cells, rows)))  # words and zone are the reader's
    response = Response(body, mimetype="text/csv; charset=utf-8")
    name = f"audit-{crm().clock().astimezone(formatting.zone()):%Y-%m-%d}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _sought(asked: dict[str, str]) -> Sought:
    since, until = _day(asked["since"], "since"), _day(asked["until"], "until")
    after = None if until is None else until + timedelta(days=1)
    return Sought(asked["actor"], asked["action"], _about(asked["about"]), _start(since), _start(after))


def _about(text: str) -> str:
    """Return what was typed, with the kind of an object by its name in the log: ``Campaign 17``."""
    for kind in TABLES["audit_object"]:
        spoken = word("audit_object", kind)
        if text.lower().startswith(f"{spoken.lower()} "):
            return f"{kind} {text[len(spoken) :].strip()}"
    return text


def _day(text: str, place: str) -> datetime | None:
    if not text:
        return None
    try:
        return min(max(datetime.strptime(text, "%Y-%m-%d"), _FIRST_DAY), _LAST_DAY)
    except ValueError:
        raise BadInput("input.bad", place, reason=Clause("expected a day such as 2026-01-31")) from None


def _start(day: datetime | None) -> datetime | None:
    """Return the beginning of a day in the reader's zone."""
    return None if day is None else datetime.combine(day, time.min, formatting.zone())


def _areas() -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Return (area, its words, its actions with their words)."""
    known = TABLES["audit"]
    return [
        (area, say(words), [(one, word("audit", one)) for one in known if one.partition(".")[0] == area])
        for area, words in TABLES["audit_area"].items()
    ]


def _lines(rows: Iterable[AuditEntry]) -> list[dict[str, Any]]:
    names: dict[str, str] = {}
    return [
        {
            "at": row.at,
            "actor": row.actor,
            "actor_name": _name(row.actor, row.actor_name),
            "what": word("audit", row.action),
            "details": _details(row),
            "kind": word("audit_object", row.object_kind) if row.object_kind else "",
            "object": _object(row, names),
            "place": _place(row),
            "person": say("Erased person") if _is_erased(row) else row.person_name or row.person,
            "person_id": row.person_id,
            "count": row.count,
        }
        for row in rows
    ]


def _is_erased(row: AuditEntry) -> bool:
    return row.person is not None and row.person.startswith("forgotten:")


def _name(ident: str, name: str) -> str:
    return word("audit_actor", ident) if ident in TABLES["audit_actor"] else name


def _object(row: AuditEntry, names: dict[str, str]) -> str:
    """Return what an object is called, or how it is numbered."""
    if row.object_kind == "person":
        return row.person_name or row.object_id
    if row.object_kind == "campaign" and row.object_id not in names:
        names[row.object_id] = _campaign(row.object_id)
    if row.object_kind in ("channel", "stream") and row.object_id:
        return word(row.object_kind, row.object_id)
    known = names.get(row.object_id) if row.object_kind == "campaign" else row.details.get("name")
    return str(known or row.object_id)


def _campaign(ident: str) -> str:
    try:
        return access.get(crm(), actor(), int(ident)).name
    except (CrmError, ValueError):
        return ""


def _place(row: AuditEntry) -> str:
    """Return the address of the page of what it was done to; empty when it has none."""
    name, value = _PLACES.get(row.object_kind, ("", ""))
    if not name or (value and not row.object_id):
        return ""
    which: dict[str, Any] = {value: row.object_id} if value else {}
    return url_for(f"crm.{name}", **which)


def _details(row: AuditEntry) -> str:
    """Return what is kept beside an action in words; a name stands with its object already."""
    known = TABLES["audit_detail"]
    shown = [(name, row.details[name]) for name in known if row.details.get(name) not in (None, "")]
    return " · ".join(
        f"{word('audit_detail', name)}: {_value(name, value)}" for name, value in shown if name != "name"
    )


def _value(name: str, value: Any) -> str:
    if name == "until":
        return _moment(str(value))
    if name in ("did", "kind"):
        return word("audit" if "." in value else "audit_area", value)
    if name == "decision" and value in TABLES["audit_decision"]:
        return word("audit_decision", value)
    return word(_SPOKEN[name], str(value)) if name in _SPOKEN else str(value)


def _moment(text: str) -> str:
    try:
        return formatting.moment(parse_instant(text))
    except ValueError:
        return text


def _cells(row: AuditEntry) -> list[Any]:
    local = row.at.astimezone(formatting.zone()).replace(tzinfo=None, microsecond=0)
    return [
        *(local, row.actor, _name(row.actor, row.actor_name), row.action, word("audit", row.action)),
        *(word("audit_object", row.object_kind) if row.object_kind else "", row.object_id),
        *(row.person, row.person_name, row.count, _details(row)),
    ]
