"""``crm campaign status``: why a campaign stands, what its carrier said, and the rows by reason."""

from pathlib import Path

import pytest

from crm_plugin.campaigns import queries
from crm_plugin.channels.base import Message, Receipt
from crm_plugin.cli.campaigns import _status_text
from crm_plugin.kernel.db.engine import Database
from tests.campaigns.fixtures import answers, ready, run, world
from tests.fakes.carrier import receipt

WORDS = "554 5.7.1 Client host rejected: Access denied"


def test_it_says_the_reason_the_last_words_and_the_rows_by_reason(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=60)
    campaign = ready(crm)

    def refusing(message: Message) -> Receipt:
        wait = {"permanent": False, "retry_after": 60.0, "words": WORDS}
        return Receipt(message.key, "unavailable", reason="smtp_554_5.7.1", **wait)  # type: ignore[arg-type]

    answers(crm, refusing)
    run(crm)
    with crm.db.read() as session:
        status = queries.status(session, queries.one(session, campaign))
    waiting = status["books"]["waiting"]
    assert (status["state"], status["reason"], status["last_words"]) == ("paused", "carrier_failing", WORDS)
    assert status["reasons"] == [{"state": "waiting", "reason": "smtp_554_5.7.1", "people": waiting}]
    assert 0 < waiting <= 40
    lines = [" ".join(line.split()) for line in _status_text(status).splitlines()]
    assert lines[0] == f"campaign {campaign}: paused (carrier_failing)"
    assert lines[1] == f"the carrier's last refusal: {WORDS}"
    assert f"waiting: smtp_554_5.7.1 {waiting}" in lines


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_a_campaign_that_goes_well_has_no_reasons(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=3)
    campaign = ready(crm)
    answers(crm, receipt)
    run(crm)
    with crm.db.read() as session:
        status = queries.status(session, queries.one(session, campaign))
    assert (status["reason"], status["last_words"], status["reasons"]) == (None, None, [])
    text = _status_text(status)
    assert text.splitlines()[0] == f"campaign {campaign}: finished"
    assert "refusal" not in text
