"""``crm template``: what scripts see and do of the approval of SMS."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from crm_plugin.channels.sms.templates import load_stock
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.kernel.db.engine import Database
from tests.fakes.crm import NOW
from tests.fakes.sms import FakeAliyun, serve
from tests.road import Road

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)


@pytest.fixture
def road(database: Database, tmp_path: Path) -> Road:
    """Commands on a database with the stock, with a carrier that takes any text."""
    database.run(lambda session: load_stock(session, NOW))
    url = database.engine.url.render_as_string(hide_password=False)
    return Road(tmp_path, "", "", url, sms_carrier="http", sms_http_url="http://127.0.0.1:1/send")


def test_one_is_approved_by_hand_and_it_is_on_record(road: Road, database: Database) -> None:
    states = {row["key"]: row["state"] for row in road.crm("template", "list", "--json")}
    assert set(states.values()) == {"draft"}
    assert "win-back-en\tdraft\tWin back" in road.crm("template", "list")
    assert road.crm("template", "approve", "win-back-en", "--json")["state"] == "approved"
    with database.read() as session:
        row = session.scalars(sa.select(AuditRow)).one()
    assert (row.actor, row.action, row.object_id) == ("command", "sms_template.sign_off", "win-back-en")
    assert "approved for http" in road.crm("template", "approve", "promotion-en")


def test_mistakes_are_one_line(road: Road) -> None:
    assert road.crm("template", "approve", "nosuch", exit_code=2) == "crm: there is no SMS template nosuch\n"
    assert "http reviews no texts" in road.crm("template", "submit", "win-back-en", exit_code=2)


def test_one_is_handed_in(road: Road) -> None:
    with serve(FakeAliyun({}, ("ali-id", "ali-secret"), "网校")) as gateway:
        assert isinstance(gateway, FakeAliyun)
        keys = {
            "carrier": "aliyun",
            "aliyun_url": gateway.url,
            "signature": "网校",
            "link_mode": "per_recipient",
        }
        keys |= {"aliyun_key_id": "ali-id", "aliyun_key_secret": "ali-secret"}
        road.environment |= {f"CRM_SMS_{name.upper()}": value for name, value in keys.items()}
        found = road.crm("template", "submit", "win-back-zh", "--remark", "召回", "--json")
        assert (found["state"], gateway.filed["SMS_20000"]["Remark"]) == ("submitted", "召回")
        gateway.next = (200, {"Code": "isv.AMOUNT_NOT_ENOUGH"})
        said = road.crm("template", "submit", "promotion-zh")
    assert said == "promotion-zh: the carrier has not taken it: carrier_balance:isv.AMOUNT_NOT_ENOUGH\n"
    assert "fills in texts by a template code" in road.crm("template", "approve", "promotion-zh", exit_code=2)
    assert road.crm("template", "approve", "promotion-zh", "--code", "SMS_7", "--json")["state"] == "approved"
