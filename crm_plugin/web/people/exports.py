"""Exports that a worker makes: a page that shows how far they are."""

from typing import Any

from flask import send_file
from flask.typing import ResponseReturnValue

from crm_plugin.segments.bulk import exports
from crm_plugin.web.listing.export_file import TYPES, attached
from crm_plugin.web.people.words import asked_problem
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import say
from crm_plugin.web.shell.rendering import fragment, render

ROUTES = Routes()


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
    return attached(send_file(path.absolute(), mimetype=TYPES[format]), format)
