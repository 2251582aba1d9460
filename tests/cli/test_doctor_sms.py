"""What the doctor says of the SMS carrier: set up, reachable, its reports; nothing is sent."""

from typing import Any

import pytest

from crm_plugin.cli.doctor.checks import Line, examine
from crm_plugin.kernel.db.engine import Database
from tests.channels.sms.carriers.world import SECRET, line
from tests.fakes.crm import make_crm

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)


def lines(crm: Any) -> dict[str, Line]:
    return {one.name: one for one in examine(crm) if one.name.startswith("SMS")}


def test_the_outbox_sends_nothing(database: Database) -> None:
    (found,) = lines(make_crm(database)).values()
    assert (found.ok, found.detail) == (True, "outbox: messages are written down, none is sent")


@pytest.mark.parametrize("name", ["http", "aliyun", "tencent", "twilio"])
def test_a_carrier_that_answers(database: Database, name: str) -> None:
    with line(name, database) as open_line:
        found = lines(open_line.crm)
        assert found["SMS"] == Line("SMS", True, f"{name} answers and accepts the keys")
        assert found["SMS reports"].ok
        assert SECRET not in found["SMS reports"].detail
        assert "replies" in found["SMS reports"].detail
        assert open_line.gateway.taken == []


def test_a_carrier_that_does_not(database: Database) -> None:
    with line("aliyun", database, sms_aliyun_key_secret="guessed", sms_callback_secret="short") as open_line:
        found = lines(open_line.crm)
    assert found["SMS"].detail == "aliyun: carrier_login (SignatureDoesNotMatch)"
    assert not found["SMS"].ok
    assert not found["SMS reports"].ok
    crm = make_crm(database, sms_carrier="twilio")
    assert "sms_twilio_account is not set" in lines(crm)["SMS"].detail
