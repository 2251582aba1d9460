"""Fixtures for all tests: databases, Valkey, a browser, and the guard that keeps tests off the network.

A test that names `db_url` or `database` runs once for each of SQLite, PostgreSQL and MariaDB
(`--db sqlite` chooses). What a machine lacks is skipped with one loud line at the end of the run; with
CI set in the environment a missing server or browser is a failure.
"""

import os
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn

import hypothesis
import pytest
from redis import Redis

from crm_plugin.kernel.db.engine import Database, connect
from crm_plugin.kernel.migrate import upgrade
from tests.fakes.redis_server import Server, own_server
from tests.servers.databases import KINDS, Cleaner, empty_database
from tests.servers.guard import close_the_network
from tests.servers.run import Unavailable, close_run, open_run, url_of

_FOR_TESTS = ("CRM_TEST_", "CRM_REQUIRE_ASSETS")
_RUN = pytest.StashKey[Any]()
_ABSENT = "not on this machine: "

# Without these Chromium keeps calling its maker's hosts, each call refused or looked up in vain.
_CHROMIUM_FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


# Two busy cores make single examples late; what takes long is seen in the durations.
hypothesis.settings.register_profile("crm", deadline=None, print_blob=True)
hypothesis.settings.load_profile("crm")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --db."""
    parser.addoption("--db", default=",".join(KINDS), help=f"databases to test on, of {','.join(KINDS)}")


def pytest_configure(config: pytest.Config) -> None:
    """Close the network; the process that a person started also opens the run that all workers share."""
    close_the_network()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell ignores Ctrl-C for what it runs in the background, and so would all that the tests start.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in list(os.environ):
        # A developer's own settings must not decide what the tests see.
        if name.startswith("CRM_") and not name.startswith(_FOR_TESTS):
            del os.environ[name]
    if not hasattr(config, "workerinput"):
        config.stash[_RUN] = open_run()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers of the run."""
    if _RUN in config.stash:
        close_run(config.stash[_RUN])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run whatever uses a database on each kind, unless the test itself names the kinds."""
    own = any("db_kind" in str(mark.args[0]) for mark in metafunc.definition.iter_markers("parametrize"))
    if "db_kind" in metafunc.fixturenames and not own:
        metafunc.parametrize("db_kind", metafunc.config.getoption("--db").split(","))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One loud line for each thing that the machine lacks, with the number of tests it cost."""
    reasons = Counter(
        report.longrepr[2].split(_ABSENT, 1)[1]
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and _ABSENT in report.longrepr[2]
    )
    for reason, tests in reasons.items():
        terminalreporter.write_line(f"!!! {tests} TESTS SKIPPED, {_ABSENT}{reason}", red=True, bold=True)


def absent(reason: str, *, fails_in_ci: bool = True) -> NoReturn:
    """Skip the test because the machine lacks something; in CI, which installs everything, fail it."""
    if fails_in_ci and os.environ.get("CI"):
        pytest.fail(_ABSENT + reason)
    pytest.skip(_ABSENT + reason)


@pytest.fixture
def db_kind(request: pytest.FixtureRequest) -> str:
    """The kind of database of this run of the test: sqlite, postgresql or mariadb."""
    return str(request.param)


@pytest.fixture
def db_url(db_kind: str, tmp_path: Path) -> Iterator[str]:
    """URL of an empty database of the test's own, for tests that migrate or fill it themselves."""
    with ExitStack() as ends:
        try:
            url = ends.enter_context(empty_database(db_kind, tmp_path))
        except Unavailable as reason:
            absent(str(reason))
        yield url


@pytest.fixture
def database(db_kind: str, migrated: "Migrated") -> Iterator[Database]:
    """The CRM's tables, empty, on each kind of database; made once per worker and emptied after each test."""
    try:
        database, cleaner = migrated.of(db_kind)
    except Unavailable as reason:
        absent(str(reason))
    yield database
    database.close()
    cleaner.clean()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Migrated"]:
    """The migrated databases of this worker, each made when first asked for."""
    with ExitStack() as ends:
        yield Migrated(tmp_path_factory.mktemp("databases"), ends)


class Migrated:
    """One migrated database per kind, with what empties it again."""

    def __init__(self, folder: Path, ends: ExitStack) -> None:
        self._folder = folder
        self._ends = ends
        self._made: dict[str, tuple[Database, Cleaner]] = {}

    def of(self, kind: str) -> tuple[Database, Cleaner]:
        """The database of this kind; raises `Unavailable` where its server is missing."""
        if kind not in self._made:
            database = connect(self._ends.enter_context(empty_database(kind, self._folder)))
            self._ends.callback(database.close)
            upgrade(database)
            self._made[kind] = database, Cleaner(database.engine)
        return self._made[kind]


@pytest.fixture
def valkey_url(request: pytest.FixtureRequest) -> str:
    """URL of an empty Valkey database, this worker's own on the shared server."""
    try:
        server = url_of("valkey")
    except Unavailable as reason:
        absent(str(reason))
    worker = getattr(request.config, "workerinput", {}).get("workerid", "gw0")
    url = f"{server}?db={int(worker.removeprefix('gw')) + 1}"
    with Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture(scope="module")
def redis_server() -> Iterator[Server]:
    """A Valkey of the module's own, which its tests may fill, make a replica or lock."""
    with own_server() as found:
        yield found


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium; tests that name it are skipped, in CI failed, where there is none."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        absent("Chromium (Debian: apt-get install chromium)")
    return str(found)


@pytest.fixture(scope="session")
def base_url() -> str:
    """No common address of pages; replaces pytest-playwright's fixture, whose form pytest warns of."""
    return ""


@pytest.fixture(scope="session")
def browser_type_launch_args(chromium: str) -> dict[str, Any]:
    """What pytest-playwright starts its browser with: the machine's own Chromium, kept off the network."""
    return {"executable_path": chromium, "args": _CHROMIUM_FLAGS}


@pytest.fixture(scope="session")
def moodle_folder() -> Path:
    """Folder of the Moodle data set (load.py, answers.json): CRM_TEST_MOODLE, or beside the checkout."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "hosts" / "moodle"
    folder = Path(os.environ.get("CRM_TEST_MOODLE", beside))
    if not (folder / "load.py").exists():
        absent("the Moodle data set (CRM_TEST_MOODLE names its folder)", fails_in_ci=False)
    return folder
