"""Each shipped automation can be switched on as it is, by each channel and in each language."""

from pathlib import Path

from crm_plugin.automations import service
from crm_plugin.automations.ready_made import READY_MADE
from crm_plugin.kernel.db.engine import Database
from tests.automations.fixtures import TESTER, school
from tests.web.test_pages import on_sqlite

NOT_APPROVED = "campaign.template_not_approved"
"""By the carrier of these tests; the outbox asks for no approval."""


@on_sqlite
def test_each_one_has_its_texts(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path)
    faulty = {}
    for one in READY_MADE.values():
        for channel in one.channels:
            for locale in ("en", "zh"):
                ident = service.create_from_ready_made(crm, TESTER, one.key, channel, locale)
                found = service.problems(crm, TESTER, ident)
                codes = {problem.code for _, problem in found if problem.severe}
                faulty[one.key, channel, locale] = codes - {NOT_APPROVED}
    assert {key: codes for key, codes in faulty.items() if codes} == {}
    assert len(faulty) > 30
