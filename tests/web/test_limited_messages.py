"""Test messages belong to no campaign: staff limited to some courses never read them."""

from pathlib import Path

import pytest

from crm_plugin.campaigns.composing.test_send import send_test
from crm_plugin.campaigns.reporting.messages import latest_messages, message
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import NotFound
from tests.web.limits import ADMIN, LIMITED, Limits, open_limits


@pytest.fixture
def limits(database: Database, tmp_path: Path) -> Limits:
    return open_limits(database, tmp_path)


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_a_test_message_about_a_person_inside_is_closed_too(limits: Limits) -> None:
    send_test(limits.crm, ADMIN, limits.ids["draft"], "tester@example.com", "in1")
    newest = latest_messages(limits.crm, ADMIN)[0]
    assert (newest.campaign_id, newest.person) == (None, "in1")
    assert message(limits.crm, ADMIN, newest.id).id == newest.id
    with pytest.raises(NotFound):
        message(limits.crm, LIMITED, newest.id)
    assert latest_messages(limits.crm, LIMITED) == []
