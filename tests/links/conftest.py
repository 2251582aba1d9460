"""A CRM with links, and deliveries that a test writes down."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.host.contributions import Capability
from crm_plugin.kernel.db.engine import Database
from crm_plugin.links.message_source import MessageSource
from crm_plugin.links.service import make_links, signer
from crm_plugin.profiles.capability import PROFILES
from tests.fakes.crm import NOW, make_crm


class Sent:
    """Links of one campaign, and who got them when: what campaigns know."""

    def __init__(self, crm: Crm) -> None:
        self.crm = crm
        self.facts: dict[int, tuple[datetime | None, int]] = {}
        known = MessageSource(self._facts, lambda _session, _row: None)
        crm.capabilities = (PROFILES, Capability("campaigns", (known,)))

    def _facts(self, session: Session, ids: Sequence[int]) -> dict[int, tuple[datetime | None, int]]:
        return {row: self.facts[row] for row in ids if row in self.facts}

    def links(self, *targets: str, campaign: int | None = 1) -> list[int]:
        """Store targets."""
        with self.crm.db.begin() as session:
            return make_links(session, campaign, targets, self.crm.clock())

    def code(self, link: int, delivery: int, person: int | None = None, at: datetime = NOW) -> str:
        """Return the code of a delivery that was handed over at that time."""
        if person is not None:
            self.facts[delivery] = (at, person)
        return signer(self.crm).code(link, delivery)


@pytest.fixture
def crm(database: Database, tmp_path: Path) -> Crm:
    """A CRM with a folder of its own."""
    return make_crm(
        database,
        instance=str(tmp_path / "instance"),
        public_url="https://s.example/crm",
        host_base_url="https://school.example/",
    )


@pytest.fixture
def sent(crm: Crm) -> Sent:
    """Links and deliveries."""
    return Sent(crm)
