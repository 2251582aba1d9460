"""The file of an export: at once, or on the page where a worker puts it."""

import tempfile
from collections.abc import Iterable, Sequence

from flask import Response, redirect, send_file, stream_with_context, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.segments.bulk import exports
from crm_plugin.segments.bulk.exports import Wanted
from crm_plugin.segments.bulk.spreadsheet import Row, csv_parts, write_xlsx
from crm_plugin.segments.listing import columns as table
from crm_plugin.segments.listing.subsets import Part
from crm_plugin.web.listing.selection import chosen
from crm_plugin.web.segments.builder.fields import catalogue
from crm_plugin.web.shell.flash import tell
from crm_plugin.web.shell.formatting import zone
from crm_plugin.web.shell.guard import actor, crm
from crm_plugin.web.shell.i18n import locale, say

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
    return table_file(made.heading, made.rows, format, "people")


def table_file(heading: Sequence[str], rows: Iterable[Row], format: str, name: str) -> Response:
    """Answer with a table as a file that a browser keeps.

    :param format: ``csv`` or ``xlsx``.
    :param name: what its name begins with; the day follows.
    """
    if format != "xlsx":
        # Words and times in it are the reader's.
        return attached(Response(stream_with_context(csv_parts(heading, rows))), format, name)
    file = tempfile.TemporaryFile()  # noqa: SIM115 the answer closes it
    write_xlsx(file, heading, rows)
    file.seek(0)
    return attached(send_file(file, mimetype=TYPES["xlsx"]), format, name)


def attached(response: Response, format: str, name: str = "people") -> Response:
    """Return a file as what a browser keeps under a name."""
    response.headers["Content-Type"] = TYPES[format]
    response.headers["Content-Disposition"] = f'attachment; filename="{_name(name, format)}"'
    return response


def _name(name: str, format: str) -> str:
    return f"{name}-{crm().clock().astimezone(zone()):%Y-%m-%d}.{format}"
