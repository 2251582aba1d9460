"""Fixtures of the pages' tests."""

from pathlib import Path

import pytest

from crm_plugin.kernel.db.engine import Database
from tests.web.fixtures import School, open_school


@pytest.fixture
def school(database: Database, tmp_path: Path) -> School:
    """A school with the CRM in it and an administrator at the screen."""
    return open_school(database, tmp_path)


@pytest.fixture
def empty_school(database: Database, tmp_path: Path) -> School:
    """The same, on the day of installation: nothing has been read yet."""
    return open_school(database, tmp_path, read=False)
