"""``crm segment count|ids|explain``."""

from datetime import datetime

import click

from crm_plugin.cli.base import as_json, read_document, show, with_crm
from crm_plugin.host.context import Crm
from crm_plugin.kernel.clock import parse_instant
from crm_plugin.kernel.errors import BadInput
from crm_plugin.segments import service


def instant(_ctx: click.Context, param: click.Parameter, text: str | None) -> datetime | None:
    """Read the value of an option that is a moment."""
    try:
        return None if text is None else parse_instant(text)
    except ValueError as error:
        reason = f"{text!r} is no time such as 2026-01-31T18:00:00Z: {error}"
        raise BadInput("input.bad", param.opts[0], reason=reason) from error


def printable(_ctx: click.Context, param: click.Parameter, text: str) -> str:
    """Read the value of an option that is an id or a name."""
    if not text.isprintable():  # a byte that is no UTF-8 comes as half a letter, which no database takes
        raise BadInput("input.bad", param.opts[0], reason=f"{text!r} is no id")
    return text


at_option = click.option(
    "--at", metavar="ISO8601", callback=instant, default=None, help="The present to decide by."
)
file_argument = click.argument("file", metavar="FILE|-")


@click.group()
def segment() -> None:
    """Find people by a filter tree (a JSON file, - for standard input)."""


@segment.command()
@file_argument
@at_option
@as_json
@with_crm
def count(crm: Crm, file: str, at: datetime | None, as_json: bool) -> None:
    """Count the people of a tree."""
    counted = service.count(crm, read_document(file), at=at)
    document = {"count": counted.count, "as_of": counted.as_of.isoformat(), "seconds": counted.seconds}
    show(document, as_json, str(counted.count))


@segment.command()
@file_argument
@at_option
@as_json
@with_crm
def ids(crm: Crm, file: str, at: datetime | None, as_json: bool) -> None:
    """Print the school's ids of the people of a tree, one a line."""
    found = service.ids(crm, read_document(file), at=at)
    if as_json:
        show({"ids": list(found)}, True)
        return
    for ident in found:
        click.echo(ident)


@segment.command()
@file_argument
@at_option
@click.option("--person", required=True, callback=printable, help="The school's id of the person.")
@as_json
@with_crm
def explain(crm: Crm, file: str, at: datetime | None, person: str, as_json: bool) -> None:
    """Show condition by condition why a person is (not) in a tree."""
    explanation = service.explain(crm, read_document(file), person, at=at)
    show(explanation.document(), as_json, explanation.text())


COMMANDS = (segment,)
