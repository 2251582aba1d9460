"""The pytest plug-in of the kit: the option ``--host``, its fixtures, the report at the end."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from crm_plugin.host.gateway import Gateway
from crm_plugin.host.records import STREAMS
from crm_plugin.hostkit.report import Report
from crm_plugin.hostkit.survey import Survey, survey
from crm_plugin.hostkit.target import HurriedClock, load_host
from crm_plugin.kernel.errors import CrmError

T = TypeVar("T")
_REPORT = pytest.StashKey[Report]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names the host."""
    group = parser.getgroup("crm host", "conformance kit for hosts of the CRM")
    group.addoption("--host", metavar="MODULE:FACTORY", help="the host that the CRM's conformance kit checks")


def pytest_configure(config: pytest.Config) -> None:
    """Make the host, once; what cannot be made is an error of usage."""
    target = config.getoption("--host")
    if target is None:
        return
    try:
        config.stash[_REPORT] = Report(target, load_host(target))
    except LookupError as error:
        raise pytest.UsageError(f"--host: {error}") from error


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the report."""
    if _REPORT in config.stash:
        terminalreporter.section("host report")
        for line in config.stash[_REPORT].lines():
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def host_report(request: pytest.FixtureRequest) -> Report:
    """Where checks put what the author should see."""
    if _REPORT not in request.config.stash:
        pytest.skip("--host=module:factory names the host to check")
    return request.config.stash[_REPORT]


@pytest.fixture(scope="session")
def host_plugin(host_report: Report) -> object:
    """The host's plug-in object, as its factory made it."""
    return host_report.plugin


@pytest.fixture(scope="session")
def host_gateway(host_report: Report) -> Gateway:
    """The gateway through which the CRM would call this host."""
    gateway = _answered(lambda: Gateway(host_report.plugin, clock=HurriedClock()))
    host_report.info = _answered(lambda: gateway.info)
    return gateway


@pytest.fixture(scope="session", params=STREAMS)
def host_stream(request: pytest.FixtureRequest, host_gateway: Gateway) -> str:
    """Each stream of the host, one after the other."""
    stream = str(request.param)
    if stream not in host_gateway.info.streams:
        pytest.skip(f"the host has no stream {stream}")
    return stream


@pytest.fixture(scope="session")
def host_survey(host_gateway: Gateway, host_report: Report, host_stream: str) -> Survey:
    """One full scan of the stream."""
    found = _answered(lambda: survey(host_gateway, host_stream))
    host_report.surveys[host_stream] = found
    return found


def _answered(work: Callable[[], T]) -> T:
    try:
        return work()
    except CrmError as error:
        pytest.fail(str(error), pytrace=False)
