"""``crm segment count|ids|explain``."""

from datetime import datetime
from typing import Any

import click

from crm_plugin.cli.base import as_json, read_document, show, with_crm
from crm_plugin.host.context import Crm
from crm_plugin.kernel.clock import parse_instant
from crm_plugin.segments import service


class Instant(click.ParamType[datetime]):
    """An ISO 8601 instant with its zone."""

    name = "ISO8601"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read the text; a bad one is bad input."""
        try:
            return parse_instant(str(value))
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)


at_option = click.option("--at", type=Instant(), default=None, help="The present to decide by.")
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
@click.option("--person", required=True, help="The school's id of the person.")
@as_json
@with_crm
def explain(crm: Crm, file: str, at: datetime | None, person: str, as_json: bool) -> None:
    """Tell condition by condition why a person is (not) in a tree."""
    explanation = service.explain(crm, read_document(file), person, at=at)
    show(explanation.document(), as_json, explanation.text())


COMMANDS = (segment,)
