"""What the doctor says of the school: its zone and currency against the settings."""

from dataclasses import replace
from typing import Any

import pytest

from crm_plugin.cli.doctor.checks import examine
from crm_plugin.kernel.db.engine import Database
from tests.fakes.crm import make_crm
from tests.fakes.host import FakeHost

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)

SAID = {"timezone": "Asia/Shanghai", "currency": "CNY"}


def found(database: Database, said: dict[str, Any], **settings: Any) -> dict[str, str]:
    """Return the lines about zone and currency that are not well."""
    host = FakeHost()
    host.info = replace(host.info, **said)
    lines = examine(make_crm(database, host, **settings))
    return {one.name: one.detail for one in lines if one.name.startswith("host_") and not one.ok}


def test_a_setting_against_the_schools_word_is_a_line(database: Database) -> None:
    lines = found(database, SAID, host_timezone="Europe/London", host_currency="GBP")
    assert list(lines) == ["host_timezone", "host_currency"]
    assert lines["host_timezone"].startswith(
        "the school says Asia/Shanghai, which counts; host_timezone says"
    )
    assert "host_currency says GBP" in lines["host_currency"]


@pytest.mark.parametrize(
    ("said", "settings"),
    [
        (SAID, {}),
        (SAID, {"host_timezone": "Asia/Shanghai", "host_currency": "CNY"}),
        ({**SAID, "currency": None}, {"host_currency": "GBP"}),
    ],
    ids=["one", "alike", "no_word"],
)
def test_where_they_agree_there_is_none(
    database: Database, said: dict[str, Any], settings: dict[str, Any]
) -> None:
    assert found(database, said, **settings) == {}
