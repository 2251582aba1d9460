"""A pytest plug-in for a test of the tests: it plays a machine without MariaDB."""

from tests.servers import mariadb


def pytest_configure() -> None:
    """Take the server away."""
    mariadb.find = lambda: "no MariaDB server (played)"
