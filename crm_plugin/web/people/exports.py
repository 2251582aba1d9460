"""Exports: the file at once, or a page that shows how far a worker is."""

import tempfile
from typing import Any

from flask import Response, redirect, send_file, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.segments.bulk import exports
from crm_plugin.segments.bulk.exports import Wanted
from crm_plugin.segments.bulk.spreadsheet import csv_parts, write_xlsx
from crm_plugin.segments.listing import columns as table
from crm_plugin.segments.listing.subsets import Part
from crm_plugin.web.people.results import chosen
from crm_plugin.web.people.words import asked_problem
from crm_plugin.web.segments.builder.fields import catalogue
from crm_plugin.web.shell.flash import tell
from crm_plugin.web.shell.formatting import zone
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import locale, say
from crm_plugin.web.shell.rendering import fragment, render

ROUTES = Routes()

TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def export(part: Part, format: str) -> ResponseReturnValue:
    """Answer with the file of some people, or with the page where it will be.

    :raises Refused: without ``crm.export``.
    """
    columns = chosen(table.offered(catalogue(), actor()))
    made = exports.request(crm(), actor(), Wanted(part, [one.key for one in columns], format, locale()))
    if isinstance(made, int):
        tell(say("The file is being prepared and will appear here."), "note")
        return redirect(url_for("crm.people_exports"))
    return _attached(
        _sheet(made) if format == "xlsx" else Response(csv_parts(made.heading, made.rows)), format
    )


def _sheet(made: exports.Table) -> Response:
    file = tempfile.TemporaryFile()  # noqa: SIM115 the answer closes it
    write_xlsx(file, made.heading, made.rows)
    file.seek(0)
    return send_file(file, mimetype=TYPES["xlsx"])


def _attached(response: Response, format: str) -> Response:
    response.headers["Content-Type"] = TYPES[format]
    response.headers["Content-Disposition"] = f'attachment; filename="{_name(format)}"'
    return response


def _name(format: str) -> str:
    return f"people-{crm().clock().astimezone(zone()):%Y-%m-%d}.{format}"


def _rows() -> dict[str, Any]:
    rows = exports.listed(crm(), actor())
    running = any(row.state in ("waiting", "running") for row in rows)
    return {"rows": rows, "running": running, "asked_problem": asked_problem}


@ROUTES.page("/people/exports", "crm.export")
def people_exports() -> ResponseReturnValue:
    """Show the reader's large exports and how far they are."""
    return render("people/exports.html", title=say("Exports"), active="people", **_rows())


@ROUTES.page("/people/exports/progress", "crm.export")
def people_exports_progress() -> ResponseReturnValue:
    """Return the moving part of that page."""
    return fragment("people/exports_list.html", **_rows())


@ROUTES.page("/people/exports/<int:ident>", "crm.export")
def people_export(ident: int) -> ResponseReturnValue:
    """Answer with the file of a finished export, to its author alone."""
    path = exports.file_of(crm(), actor(), ident)
    format = path.suffix.removeprefix(".")
    return _attached(send_file(path.absolute(), mimetype=TYPES[format]), format)
