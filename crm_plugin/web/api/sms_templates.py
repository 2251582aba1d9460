"""SMS templates: written, submitted for approval, signed off."""

from typing import Any

from marshmallow import Schema, fields

from crm_plugin.channels.base import SmsText
from crm_plugin.channels.sms import templates
from crm_plugin.channels.sms_templates import approval, editing
from crm_plugin.channels.sms_templates.editing import Written
from crm_plugin.web.api import schemas
from crm_plugin.web.api.route import Endpoints, Given, Shape
from crm_plugin.web.shell.guard import actor, crm

ROUTES = Endpoints()

Template = schemas.of(SmsText)
Key = schemas.answer("Key", key=fields.String())


class NewTemplate(Schema):
    """A template as it is written."""

    name = fields.String(required=True)
    text = fields.String(required=True)
    locale = fields.String(load_default="en")
    purpose = fields.String(load_default="marketing")
    signature = fields.String(load_default="")
    examples = fields.Dict(keys=fields.String(), values=fields.String(), load_default=dict)


class Remark(Schema):
    """What a template is for; carriers read it."""

    remark = fields.String(load_default="")


class Code(Schema):
    """The code of a carrier's approval, where there is one."""

    code = fields.String(load_default="")


class Away(Schema):
    """Whether a template is put away."""

    away = schemas.Flag(required=True)


@ROUTES.endpoint(
    "GET",
    "/sms-templates",
    shape=Shape(answer=schemas.answer("SmsTemplates", items=fields.List(fields.Nested(Template)))),
)
def api_list_sms_templates(_given: Given) -> Any:
    """List the templates with their approval."""
    with crm().db.read() as session:
        return {"items": templates.listed(session, carrier=crm().settings.sms_carrier)}


@ROUTES.endpoint("POST", "/sms-templates", "crm.edit", Shape(NewTemplate, None, Key, 201))
def api_create_sms_template(given: Given) -> Any:
    """Write a template."""
    return {"key": editing.create(crm(), actor(), Written(**given.body))}


@ROUTES.endpoint("GET", "/sms-templates/<key>", shape=Shape(answer=Template))
def api_get_sms_template(_given: Given, key: str) -> Any:
    """Return the newest version of a template, as it stands at the carrier in use."""
    with crm().db.read() as session:
        return approval.newest(crm(), session, key)


@ROUTES.endpoint(
    "PUT",
    "/sms-templates/<key>",
    "crm.edit",
    Shape(NewTemplate, None, schemas.answer("Version", version=fields.Integer())),
)
def api_replace_sms_template(given: Given, key: str) -> Any:
    """Replace a template; an approved text stays in force until its new version is approved."""
    return {"version": editing.change(crm(), actor(), key, Written(**given.body))}


@ROUTES.endpoint("DELETE", "/sms-templates/<key>", "crm.edit")
def api_delete_sms_template(_given: Given, key: str) -> None:
    """Delete a template that nothing uses."""
    editing.delete(crm(), actor(), key)


@ROUTES.endpoint("POST", "/sms-templates/<key>/away", "crm.edit", Shape(Away))
def api_archive_sms_template(given: Given, key: str) -> None:
    """Put a template away, or fetch it back."""
    editing.put_away(crm(), actor(), key, given.body["away"])


@ROUTES.endpoint("POST", "/sms-templates/<key>/submit", "crm.edit", Shape(Remark))
def api_submit_sms_template(given: Given, key: str) -> None:
    """Hand a template to the carrier for approval."""
    approval.submit(crm(), actor(), key, given.body["remark"])


@ROUTES.endpoint("POST", "/sms-templates/<key>/sign-off", "crm.admin", Shape(Code))
def api_sign_off_sms_template(given: Given, key: str) -> None:
    """Approve a template by hand, with the code that the carrier gave it."""
    approval.sign_off(crm(), actor(), key, given.body["code"])


@ROUTES.endpoint("POST", "/sms-templates/<key>/take-back", "crm.edit")
def api_take_back_sms_template(_given: Given, key: str) -> None:
    """Make a draft of a submitted, approved or rejected template again."""
    approval.take_back(crm(), actor(), key)
