"""``crm campaign …`` and ``crm outbox``."""

from collections.abc import Callable
from typing import Any

import click

from crm_plugin.campaigns import access, queries, service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.channels import outbox as outbox_carrier
from crm_plugin.cli.base import IDENT, as_json, read_document, show, with_crm
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import OPERATOR
from crm_plugin.host.records import Actor


@click.group()
def campaign() -> None:
    """Make, launch and steer campaigns."""


@campaign.command()
@click.argument("file", metavar="FILE|-")
@as_json
@with_crm
def create(crm: Crm, file: str, as_json: bool) -> None:
    """Make a draft from a campaign file (JSON)."""
    ident = drafts.create(crm, OPERATOR, read_document(file))
    show({"id": ident}, as_json, f"campaign {ident} is a draft; send it by: crm campaign launch {ident}")


def _verb(name: str, verb: Callable[[Crm, Actor, int], Any], words: str) -> click.Command:
    def command(crm: Crm, ident: int, as_json: bool) -> None:
        verb(crm, OPERATOR, ident)
        status = _status(crm, ident)
        show(status, as_json, f"campaign {ident} is {status['state']}")

    command.__doc__ = words
    made = as_json(with_crm(command))
    return campaign.command(name)(click.argument("ident", metavar="ID", type=IDENT)(made))


_verb("launch", service.launch, "Freeze the audience and start sending (or wait for the planned time).")
_verb("pause", service.pause, "Stop sending; resume goes on exactly.")
_verb("resume", service.resume, "Go on after a pause or a hold.")
_verb("cancel", service.cancel, "Send nothing more, for good.")


@campaign.command()
@click.argument("ident", metavar="ID", type=IDENT)
@as_json
@with_crm
def status(crm: Crm, ident: int, as_json: bool) -> None:
    """Show the state and its reason, the books with theirs, and the clicks."""
    document = _status(crm, ident)
    show(document, as_json, _status_text(document))


@campaign.command()
@click.argument("ident", metavar="ID", type=IDENT)
@click.option("--as", "decision", type=click.Choice(["sent", "again"]), required=True)
@as_json
@with_crm
def resolve(crm: Crm, ident: int, decision: str, as_json: bool) -> None:
    """Decide about messages of which nobody knows whether they left: treat as sent, or send again."""
    changed = service.resolve(crm, OPERATOR, ident, decision)
    show({"resolved": changed}, as_json, f"{changed} messages are resolved")


@click.command()
@click.option("--campaign", "ident", type=IDENT, required=True)
@as_json
@with_crm
def outbox(crm: Crm, ident: int, as_json: bool) -> None:
    """Show what the outbox carrier took instead of sending."""
    with crm.db.read() as session:
        access.one(session, OPERATOR, ident)
        rows = [
            {"person": row.person, "address": row.address, "text": row.text, "links": list(row.links)}
            for row in outbox_carrier.listed(session, ident)
        ]
    show(rows, as_json, "\n".join(f"{row['person']}\t{row['address']}\t{row['text']}" for row in rows))


def _status(crm: Crm, ident: int) -> dict[str, Any]:
    with crm.db.read() as session:
        return queries.status(session, access.one(session, OPERATOR, ident))


def _status_text(status: dict[str, Any]) -> str:
    why = f" ({status['reason']})" if status["reason"] else ""
    lines = [f"campaign {status['id']}: {status['state']}{why}"]
    if status["last_words"]:
        lines.append(f"  the carrier's last refusal: {status['last_words']}")
    numbers = _numbers(status)
    width = max(len(name) for name, _ in numbers)
    return "\n".join([*lines, *(f"  {name:<{width}}{number:>10,}" for name, number in numbers)])


def _numbers(status: dict[str, Any]) -> list[tuple[str, int]]:
    """Return (name, number): the books with the reasons behind each state, then the clicks."""
    books = dict(status["books"])
    excluded: dict[str, int] = books["excluded"]
    why = {"excluded": list(excluded.items())}
    for row in status["reasons"]:
        why.setdefault(row["state"], []).append((row["reason"], row["people"]))
    books["excluded"] = sum(excluded.values())
    found: list[tuple[str, int]] = []
    for state, number in books.items():
        found += [(state, number), *((f"{state}: {reason}", people) for reason, people in why.get(state, ()))]
    return found + [(name, status[name]) for name in ("hits", "human_hits", "people_clicked")]


COMMANDS = (campaign, outbox)
