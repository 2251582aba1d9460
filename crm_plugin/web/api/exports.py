"""Exports: a worker writes a file of people for its author alone."""

from typing import Any

from flask import send_file
from marshmallow import Schema, fields, validate

from crm_plugin.segments.bulk import exports
from crm_plugin.segments.bulk.exports import FORMATS, ExportRow, Wanted
from crm_plugin.segments.listing.columns import COLUMNS, DEFAULT
from crm_plugin.segments.listing.subsets import Part
from crm_plugin.web.api import schemas
from crm_plugin.web.api.route import Endpoints, Given, Shape
from crm_plugin.web.listing.export_file import TYPES
from crm_plugin.web.shell.guard import actor, crm

ROUTES = Endpoints()


class NewExport(Schema):
    """What somebody asks to take away."""

    tree = schemas.Document("Tree", required=True)
    columns = fields.List(
        fields.String(validate=validate.OneOf([one.key for one in COLUMNS])), load_default=list(DEFAULT)
    )
    format = fields.String(load_default="csv", validate=validate.OneOf(FORMATS))
    locale = schemas.language()


Exports = schemas.answer("Exports", items=fields.List(fields.Nested(schemas.of(ExportRow))))


@ROUTES.endpoint("GET", "/exports", "crm.export", Shape(answer=Exports))
def api_list_exports(_given: Given) -> Any:
    """List your exports and how far they are."""
    return {"items": exports.listed(crm(), actor())}


@ROUTES.endpoint("POST", "/exports", "crm.export", Shape(NewExport, None, schemas.Id, 202))
def api_create_export(given: Given) -> Any:
    """Let a worker write a file of the people of a tree; columns that you may not take away are left out."""
    asked = given.body
    wanted = Wanted(Part(asked["tree"]), asked["columns"], asked["format"], asked["locale"])
    return {"id": exports.queue(crm(), actor(), wanted)}


@ROUTES.endpoint("GET", "/exports/<int:ident>/file", "crm.export", Shape(files=tuple(TYPES.values())))
def api_download_export(_given: Given, ident: int) -> Any:
    """Return the file of a finished export."""
    path = exports.file_of(crm(), actor(), ident)
    answer = send_file(path.absolute(), mimetype=TYPES[path.suffix.removeprefix(".")], as_attachment=True)
    return answer
