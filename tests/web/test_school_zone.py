"""A school has one zone: its own word comes before the setting, in filters, on pages and in exports."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from crm_plugin.host import records as r
from crm_plugin.host.permissions import OPERATOR
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments import service
from crm_plugin.segments.bulk import exports
from crm_plugin.segments.listing.subsets import Part
from tests.fakes.host import host_info
from tests.web.fixtures import open_school

LATE = datetime(2026, 11, 13, 15, 30, tzinfo=UTC)
"""Half past midnight of the next day in Tokyo."""
ON_THE_NEXT_DAY = {
    "combinator": "and",
    "rules": [
        {"field": "registered_at", "operator": ">=", "value": "2026-11-14"},
        {"field": "registered_at", "operator": "<", "value": "2026-11-15"},
        {"field": "display_name", "operator": "=", "value": "Late"},
    ],
}


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_a_day_is_the_schools_in_filters_on_pages_and_in_exports(database: Database, tmp_path: Path) -> None:
    school = open_school(database, tmp_path, read=False, host_timezone="Europe/London")
    school.host.info = host_info(timezone="Asia/Tokyo")
    school.host.put(r.Person("late", display_name="Late", registered_at=LATE))
    sync(school.crm, full=True)
    assert service.count(school.crm, ON_THE_NEXT_DAY).count == 1
    assert "Times are in Asia/Tokyo" in school.get("/people").text
    wanted = exports.Wanted(Part(ON_THE_NEXT_DAY), ["registered_at"], "csv")
    table = exports.request(school.crm, OPERATOR, wanted)
    assert isinstance(table, exports.Table)
    assert list(table.rows) == [[datetime(2026, 11, 14, 0, 30)]]
