"""Rows of the school that are read by their names."""

from collections.abc import Sequence
from typing import Any

from crm_plugin.host.row_checks import Bad
from crm_plugin.kernel.db.bulk import chunks
from crm_plugin.profiles.sync.stream_visit import StreamVisit
from crm_plugin.profiles.sync.write_page import write

FETCH = 500
"""Rows fetched by id at once."""


def fetch(visit: StreamVisit, ids: Sequence[str]) -> tuple[list[Any], list[str], list[Bad]]:
    """Ask the school for rows by id; return (rows, ids that are gone, bad rows)."""
    rows: list[Any] = []
    missing: list[str] = []
    bad: list[Bad] = []
    for part in chunks(ids, FETCH):
        answer = visit.crm.host.fetch(visit.stream, part)
        rows += answer.rows
        missing += answer.missing
        bad += answer.bad
    return rows, missing, bad


def read_again(visit: StreamVisit, ids: Sequence[str], **values: Any) -> set[int]:
    """Read these rows again and write them; return the people whose facts are to be computed.

    :param values: columns of the stream's row that are written with them.
    :raises Unavailable: the school failed.
    :raises LeaseLost: nothing was written.
    """
    return write(visit, *fetch(visit, ids), **values)
