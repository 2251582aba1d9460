"""A CRM driven from outside only: by its commands."""

import json
from inspect import signature
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from crm_plugin.cli import flask_group

# Click 8.1 mixes the two outputs unless told otherwise; 8.2 dropped the option.
_APART: Any = {"mix_stderr": False} if "mix_stderr" in signature(CliRunner).parameters else {}
PLACE = "http://crm.example"


class Road:
    """An installation beside a school, with settings as variables.

    :param school: SQLAlchemy URL of the school's database.
    :param db_url: of the CRM's own database.
    """

    def __init__(self, folder: Path, host: str, school: str, db_url: str, **settings: str) -> None:
        chosen = {
            "host": host,
            "host_url": school,
            "database_url": db_url,
            "instance": str(folder / "instance"),
            "public_url": PLACE,
            **settings,
        }
        self.school = school
        self.environment = {f"CRM_{name.upper()}": value for name, value in chosen.items()}

    def crm(self, *words: str, document: Any = None, exit_code: int = 0) -> Any:
        """Run a command; returns its JSON document or output, or its error line on another exit code."""
        given = None if document is None else json.dumps(document)
        done = CliRunner(**_APART).invoke(flask_group, list(words), input=given, env=self.environment)
        assert done.exit_code == exit_code, (words, done.output, done.stderr, done.exception)
        if exit_code:
            return done.stderr
        return json.loads(done.stdout) if "--json" in words else done.stdout

    def send(self, **campaign: Any) -> int:
        """Make a campaign by file, launch it, and let a worker do all that is due; returns its id."""
        ident = int(self.crm("campaign", "create", "-", "--json", document=campaign)["id"])
        self.crm("campaign", "launch", str(ident), "--json")
        self.crm("worker", "--burst")
        return ident

    def status(self, ident: int) -> dict[str, Any]:
        """The campaign's status, whose books must balance."""
        status: dict[str, Any] = self.crm("campaign", "status", str(ident), "--json")
        numbers = dict(status["books"])
        considered = numbers.pop("considered")
        assert considered == sum(numbers.pop("excluded").values()) + sum(numbers.values())
        return status

    def outbox(self, ident: int) -> list[dict[str, Any]]:
        """What the outbox carrier took."""
        rows: list[dict[str, Any]] = self.crm("outbox", "--campaign", str(ident), "--json")
        return rows
