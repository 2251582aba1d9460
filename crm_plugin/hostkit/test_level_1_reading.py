"""Level 1: what the host hands over. Reads only; safe on a live site.

Rows may come and go while the checks run: what seems to be missing is fetched by its id before it counts as
wrong.
"""

from collections import Counter
from dataclasses import fields
from itertools import islice
from typing import Any

import pytest

from crm_plugin.host import records as r
from crm_plugin.host.gateway import Gateway
from crm_plugin.hostkit.report import Report
from crm_plugin.hostkit.survey import PAGE, SAMPLE, Survey, pages

NO_SUCH_ID = "no-such-id"
ROUNDS = 1000
"""Pages of changes after which a mark that is "now" should long have come to its end."""
CLOSE_ENOUGH = 0.005
"""An estimate further off than this makes the CRM scan everything again."""


def test_every_row_is_good(host_survey: Survey) -> None:
    """Types, states, aware UTC times, exact money: the gateway sets no row aside."""
    assert not host_survey.bad[:10], f"{len(host_survey.bad)} of {len(host_survey.ids)} rows are bad"


def test_ids_are_unique(host_survey: Survey) -> None:
    """One id is one row of a stream."""
    twice = [id for id, number in Counter(host_survey.ids).items() if number > 1]
    assert not twice[:10]


@pytest.mark.parametrize("limit", [1, 7])
def test_small_pages_give_the_same_rows(
    host_gateway: Gateway, host_survey: Survey, host_stream: str, limit: int
) -> None:
    """Pages of one and of seven rows hold what pages of a thousand hold, in the same order."""
    number = min(SAMPLE, len(host_survey.sample))
    rows = (row.id for page in pages(host_gateway, host_stream, limit) for row in page.rows)
    assert list(islice(rows, number)) == [row.id for row in host_survey.sample[:number]]


def test_a_scan_resumes_anywhere(host_gateway: Gateway, host_stream: str) -> None:
    """The same place read twice gives the same page: a scan goes on after a crash."""
    first = host_gateway.scan(host_stream, None, 7)
    if first.next is None:
        pytest.skip("the stream is shorter than one page")
    following = host_gateway.scan(host_stream, first.next, 7)
    assert host_gateway.scan(host_stream, first.next, 7) == following


def test_fetched_rows_equal_scanned_rows(
    host_gateway: Gateway, host_survey: Survey, host_stream: str
) -> None:
    """A row fetched by its id is the row of the scan."""
    ids = [row.id for row in host_survey.sample]
    fetched = {row.id: row for row in host_gateway.fetch(host_stream, ids).rows}
    again = [row for row in host_survey.sample if fetched.get(row.id) != row]
    # It may have changed since: then a page of the scan shows the new row too.
    moved = {row.id: row for row in host_gateway.scan(host_stream, None, PAGE).rows} if again else {}
    different = [row.id for row in again if row.id in moved and moved[row.id] != fetched.get(row.id)]
    assert not different


def test_unknown_ids_are_missing(host_gateway: Gateway, host_stream: str) -> None:
    """An id that there is not is said to be missing; it is no failure."""
    fetched = host_gateway.fetch(host_stream, [NO_SUCH_ID])
    assert (fetched.rows, fetched.missing) == ([], [NO_SUCH_ID])


def test_what_rows_name_exists(host_gateway: Gateway, host_report: Report, host_survey: Survey) -> None:
    """Persons, courses and orders that a row names are rows of their streams."""
    for stream, ids in host_survey.references.items():
        if stream in host_gateway.info.streams:
            found = host_report.surveys.get(stream)
            unseen = sorted(ids - set(found.ids if found else ()))
            missing = [
                id
                for start in range(0, len(unseen), SAMPLE)
                for id in host_gateway.fetch(stream, unseen[start : start + SAMPLE]).missing
            ]
            assert not missing[:10], f"{len(missing)} ids of {stream} that do not exist"


def test_listed_fields_have_values(
    host_gateway: Gateway, host_report: Report, host_survey: Survey, host_stream: str
) -> None:
    """Warns of a listed field that is always None: people would search by it and find nobody."""
    listed = set(host_gateway.info.fields.get(host_stream, ()))
    empty = [name for name in sorted(listed) if host_survey.ids and not host_survey.filled[name]]
    host_report.warnings += [f"{host_stream}.{name} is listed, and None in every row" for name in empty]
    defaults = r.RECORDS[host_stream]
    unlisted = [name for name in sorted(set(host_survey.filled) - listed) if _is_optional(defaults, name)]
    host_report.warnings += [f"{host_stream}.{name} has values, but is not listed" for name in unlisted]


def test_dates_of_access_are_passed_on(host_report: Report, host_survey: Survey, host_stream: str) -> None:
    """Warns of enrolments whose dates contradict: the CRM works out from them who has access when."""
    for what, rows in host_survey.odd_dates.items():
        host_report.warnings.append(f"{rows} rows of {host_stream} {what}")


def test_the_estimate_is_close(host_gateway: Gateway, host_survey: Survey, host_stream: str) -> None:
    """An estimate, where there is one, is within half a per cent."""
    estimate = host_gateway.estimate(host_stream)
    if estimate is not None:
        rows = len(host_survey.ids) + len(host_survey.bad)
        assert abs(estimate - rows) <= max(1, rows * CLOSE_ENOUGH), f"estimate {estimate}, rows {rows}"


def test_changes_since_now_come_to_an_end(host_gateway: Gateway, host_stream: str) -> None:
    """A claimed stream of changes has a mark, good rows, and an end."""
    if not host_gateway.can(f"changes.{host_stream}"):
        pytest.skip("not claimed")
    mark = host_gateway.mark(host_stream)
    assert mark is not None, "changes are claimed, but there is no mark"
    for _ in range(ROUNDS):
        page = host_gateway.changes(host_stream, mark, 1000)
        assert not page.bad
        mark = page.next_mark
        if not page.more:
            return
    pytest.fail(f"still more changes after {ROUNDS} pages", pytrace=False)


def test_nobody_is_signed_in_without_a_request(host_gateway: Gateway) -> None:
    """Without a header or cookie nobody is at the screen, least of all an administrator."""
    assert host_gateway.current_actor(r.RequestFacts({}, {})) is None


def test_the_health_lines(host_gateway: Gateway) -> None:
    """What the host says of itself is well."""
    assert [line for line in host_gateway.check() if not line[1]] == []


def _is_optional(record: Any, name: str) -> bool:
    """Return whether a field is None unless the host fills it; others have values of their own."""
    if name.startswith("attributes."):
        return True
    return any(field.name == name and field.default is None for field in fields(record))
