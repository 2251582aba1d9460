"""What ``crm doctor`` says of e-mail."""

from pathlib import Path
from typing import Any

import pytest

from crm_plugin.channels.email.feedback.providers import proofs
from crm_plugin.channels.email.smtp.carrier import SmtpCarrier
from crm_plugin.channels.email.smtp.trial import Trial
from crm_plugin.cli.doctor.checks import examine
from crm_plugin.kernel.db.engine import Database
from tests.fakes.crm import make_crm

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
SERVER = {"smtp_url": "smtp://ann:hushhush@mail.example:587"}


@pytest.mark.parametrize(
    ("settings", "lines"),
    [
        ({}, {"e-mail": True}),
        (
            {**SERVER, "public_url": "http://s.example"},
            {"e-mail": True, "one-click opt-out": False, "returned e-mail": True},
        ),
        ({**SERVER, "public_url": "https://s.example", "bounce_domain": "b.example"}, {"e-mail": True}),
        (
            {**SERVER, "public_url": "https://s.example", "bounce_path_secret": "a secret of sixteen"},
            {"e-mail": True, "events of mail providers": True},
        ),
        (
            {**SERVER, "public_url": "https://s.example", "bounce_path_secret": "short"},
            {"e-mail": True, "events of mail providers": False},
        ),
    ],
)
def test_a_line_for_each_thing_to_look_at(
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    lines: dict[str, bool],
) -> None:
    trial = Trial("mail.example:587 answers, TLS", signed_in=True, offers_login=True)
    monkeypatch.setattr(SmtpCarrier, "try_out", lambda carrier, others: trial)
    crm = make_crm(database, instance=str(tmp_path), **settings)
    found = [line for line in examine(crm) if "mail" in line.name or "click" in line.name]
    assert {line.name: line.ok for line in found} == lines
    assert "hushhush" not in str(found)


def test_events_that_cannot_be_checked_are_named(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = Trial("mail.example:587 answers, TLS", signed_in=True, offers_login=True)
    monkeypatch.setattr(SmtpCarrier, "try_out", lambda carrier, others: trial)
    monkeypatch.setattr(proofs, "AVAILABLE", False)
    facts = {**SERVER, "bounce_path_secret": "a secret of sixteen", "bounce_sendgrid_key": "MFkw"}
    crm = make_crm(database, instance=str(tmp_path), **facts)  # type: ignore[arg-type]
    (found,) = [line for line in examine(crm) if line.name == "events of mail providers"]
    assert (found.ok, found.detail) == (False, f"refused: {proofs.MISSING}")
