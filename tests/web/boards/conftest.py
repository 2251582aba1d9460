"""A school with somebody in each stage: read once, and written back for each test."""

from pathlib import Path

import pytest

from crm_plugin.kernel.db.engine import Database
from crm_plugin.plugin import prepare
from crm_plugin.profiles.sync.service import sync
from tests.servers.databases import Rows
from tests.web.boards.stages import books
from tests.web.fixtures import School, open_school

_READ: dict[str, Rows] = {}
"""What reading the books left in a database, by its address."""


@pytest.fixture
def board(database: Database, tmp_path: Path) -> School:
    """The school, with the stock of SMS templates."""
    school = open_school(database, tmp_path, read=False)
    school.host.put(*books())
    address = str(school.crm.db.engine.url)
    if address in _READ:
        _READ[address].write(school.crm.db.engine)
    else:
        sync(school.crm, full=True)
        prepare(school.crm)
        _READ[address] = Rows(school.crm.db.engine)
    return school
