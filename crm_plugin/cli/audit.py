"""``crm audit``: the audit log at the command line."""

from dataclasses import asdict
from datetime import datetime

import click

from crm_plugin.cli.base import as_json, show, with_crm
from crm_plugin.cli.segments import instant, printable
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import OPERATOR
from crm_plugin.profiles.people import audit_trail
from crm_plugin.profiles.people.audit_trail import AuditEntry, Sought
from crm_plugin.segments.bulk.spreadsheet import csv_parts

_HEADING = ("time", "actor", "name", "action", "kind", "object", "person", "people", "details")


@click.command()
@click.option("--actor", default="", callback=printable, help="Id of who did it; command is a shell.")
@click.option(
    "--action", default="", callback=printable, help="Such as campaign.launch, or an area: campaign."
)
@click.option("--about", default="", callback=printable, help="A person (id, name, address), or another id.")
@click.option("--since", metavar="ISO8601", callback=instant, default=None, help="The first moment.")
@click.option("--until", metavar="ISO8601", callback=instant, default=None, help="The moment after the last.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many."
)
@click.option(
    "--csv", "as_csv", is_flag=True, help="Print everything that matches as CSV, whatever the limit."
)
@as_json
@with_crm
def audit(crm: Crm, limit: int, as_csv: bool, as_json: bool, **sought: str | datetime | None) -> None:
    """Show who did what, about which person or thing, and when, the newest first."""
    wanted = Sought(**sought)  # type: ignore[arg-type]
    if as_csv:
        rows = map(_cells, audit_trail.exported(crm, OPERATOR, wanted))
        for part in csv_parts(_HEADING, rows):
            click.echo(part.decode(), nl=False)
        return
    found = audit_trail.listed(crm, OPERATOR, wanted, limit=limit)
    show([asdict(row) for row in found], as_json, "\n".join(map(_line, found)) or "nothing matches")


def _line(row: AuditEntry) -> str:
    about = " ".join(filter(None, (row.object_kind, row.object_id)))
    count = "" if row.count is None else f"{row.count:,}"
    return "\t".join((row.at.isoformat(timespec="seconds"), row.actor, row.action, about, count)).rstrip()


def _cells(row: AuditEntry) -> list[object]:
    details = ", ".join(f"{name}={value}" for name, value in row.details.items())
    return [
        *(row.at.isoformat(timespec="seconds"), row.actor, row.actor_name, row.action),
        *(row.object_kind, row.object_id, row.person, row.count, details),
    ]


COMMANDS = (audit,)
