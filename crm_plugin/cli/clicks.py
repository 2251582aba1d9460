"""``crm clicks …``: what an operator does about clicks."""

from dataclasses import asdict

import click

from crm_plugin.campaigns import queries
from crm_plugin.cli.base import IDENT, as_json, show, with_crm
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import OPERATOR
from crm_plugin.links.ingest import classify_again
from crm_plugin.links.measures import Measures, tally


@click.group()
def clicks() -> None:
    """Look after clicks."""


@clicks.command()
@click.argument("ident", metavar="ID", type=IDENT)
@as_json
@with_crm
def reclassify(crm: Crm, ident: int, as_json: bool) -> None:
    """Judge the clicks of a campaign again, by the rules of this version, and count them."""
    queries.get(crm, ident)
    before = _measures(crm, ident)
    messages = classify_again(crm, ident, OPERATOR.id)
    after = _measures(crm, ident)
    document = {"messages": messages, "before": _numbers(before), "after": _numbers(after)}
    text = (
        f"{messages:,} messages with clicks judged again: human hits {before.human_hits:,} → "
        f"{after.human_hits:,}, people {before.people_clicked:,} → {after.people_clicked:,}"
    )
    show(document, as_json, text)


def _measures(crm: Crm, ident: int) -> Measures:
    with crm.db.read() as session:
        return tally(session, ident)


def _numbers(found: Measures) -> dict[str, int]:
    return {name: value for name, value in asdict(found).items() if name != "counted_at"}


COMMANDS = (clicks,)
