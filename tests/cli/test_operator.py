"""Commands are the operator's: what each may see, and that each change by one is on record."""

from collections.abc import Callable
from typing import Any

import click
import sqlalchemy as sa

from crm_plugin.channels.models import SmsTemplate
from crm_plugin.cli import flask_group
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.kernel.db.engine import connect
from tests.fakes.crm import NOW
from tests.road import Road

WHOLE_SCHOOL = {
    "crm segment count": "people",
    "crm segment ids": "people",
    "crm segment explain": "people",
    "crm campaign status": "numbers of people",
    "crm outbox": "addresses and texts",
    "crm bad-rows": "rows of the school that were set aside",
    "crm template list": "texts",
    "crm audit": "what people did; --csv is on record: tests/cli/test_audit.py",
}
"""Commands that only look, and at what: they ask nobody's permission and see everybody."""
ON_RECORD = {
    "crm account add": "account.save",
    "crm account remove": "account.remove",
    "crm account sign-out": "account.end_sessions",
    "crm campaign create": "campaign.create",
    "crm campaign launch": "campaign.launch",
    "crm campaign pause": "campaign.pause",
    "crm campaign resume": "campaign.resume",
    "crm campaign cancel": "campaign.cancel",
    "crm campaign resolve": "campaign.resolve",
    "crm clicks reclassify": "clicks.reclassify",
    "crm template approve": "sms_template.sign_off",
}
"""Commands that a person changes something by → what the audit log calls it."""
ELSEWHERE = {
    "crm template submit": "needs a carrier with text review: tests/channels/sms/test_template_approval.py",
    "crm bounce": "what a mail server says is no change of a person; it is kept with the address",
    "crm demo": "runs a school",
    "crm serve": "runs the pages",
    "crm worker": "does what people asked for",
    "crm daily": "does what people asked for",
    "crm init": "reads the school",
    "crm sync": "reads the school",
    "crm check-host": "reads the school",
    "crm doctor": "looks at the installation",
}


def commands(group: click.Group, path: str = "crm") -> list[str]:
    found = []
    for name, command in group.commands.items():
        here = f"{path} {name}"
        found += commands(command, here) if isinstance(command, click.Group) else [here]
    return found


def test_every_command_has_a_case() -> None:
    assert set(commands(flask_group)) == {*WHOLE_SCHOOL, *ON_RECORD, *ELSEWHERE}


def test_each_change_by_a_command_is_on_record(beside: Callable[..., Road]) -> None:
    road = beside()
    road.crm("init", "--no-progress")
    everybody = {"combinator": "and", "rules": []}
    file = {"name": "x", "channel": "email", "purpose": "service", "audience": everybody}
    file |= {"subject": "x", "html": "<p>x</p>", "at": "2099-01-01T00:00:00Z"}
    ident = str(road.crm("campaign", "create", "-", "--json", document=file)["id"])
    for verb in ("launch", "pause", "resume", "cancel"):
        road.crm("campaign", verb, ident)
    road.crm("campaign", "resolve", ident, "--as", "sent")
    road.crm("clicks", "reclassify", ident)
    road.crm("account", "add", "ann", "--permission", "crm.view", "--course", "c1")
    road.crm("account", "sign-out", "ann")
    road.crm("account", "remove", "ann")
    key = _draft_of(road)
    road.crm("template", "approve", key)
    rows = _audited(road)
    assert {row["action"] for row in rows} == {*ON_RECORD.values()}
    assert {row["actor"] for row in rows} == {"command"}


def _audited(road: Road) -> list[dict[str, Any]]:
    database = connect(road.environment["CRM_DATABASE_URL"])
    with database.read() as session:
        chosen = sa.select(AuditRow.actor, AuditRow.action).where(AuditRow.actor != "system")
        rows = [dict(row) for row in session.execute(chosen).mappings()]
    database.close()
    return rows


def _draft_of(road: Road) -> str:
    """Return the key of a template that nobody has approved yet."""
    database = connect(road.environment["CRM_DATABASE_URL"])
    row = SmsTemplate(
        key="own", locale="en", name="Own", text="Hello", purpose="service", state="draft", updated_at=NOW
    )
    with database.begin() as session:
        session.add(row)
    database.close()
    return "own"
