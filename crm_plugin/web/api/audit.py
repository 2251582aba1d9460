"""The audit log."""

from typing import Any

from marshmallow import Schema, fields, validate

from crm_plugin.profiles.people import audit_trail
from crm_plugin.profiles.people.audit_trail import AuditEntry, Sought
from crm_plugin.web.api import schemas
from crm_plugin.web.api.route import Endpoints, Given, Shape
from crm_plugin.web.shell.guard import actor, crm

ROUTES = Endpoints()
_TEXT = validate.Length(max=191)


class AuditPage(Schema):
    """What of the log is wanted."""

    actor = fields.String(load_default="", validate=_TEXT, metadata={"description": "Id of who did it."})
    action = fields.String(
        load_default="",
        validate=_TEXT,
        metadata={"description": "`campaign.launch`, or an area: `campaign`."},
    )
    about = fields.String(
        load_default="",
        validate=_TEXT,
        metadata={"description": "A person's id at the school, name or address; or the id of a thing."},
    )
    since = schemas.instant(load_default=None)
    until = schemas.instant(load_default=None)
    after = schemas.after()
    limit = schemas.limit()


AuditLog = schemas.paged("AuditLog", schemas.of(AuditEntry))


@ROUTES.endpoint("GET", "/audit", "crm.admin", Shape(query=AuditPage, answer=AuditLog))
def api_list_audit(given: Given) -> Any:
    """List what people and programs did, the newest first."""
    query = given.query
    sought = Sought(query["actor"], query["action"], query["about"], query["since"], query["until"])
    rows = audit_trail.listed(crm(), actor(), sought, query["after"], query["limit"] + 1)
    page = rows[: query["limit"]]
    return {"items": page, "next": page[-1].id if len(rows) > len(page) else None}
