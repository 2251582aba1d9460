"""``crm bounce`` as a mail server calls it: exit 0 whatever the message says, or it is reported itself."""

import json

import pytest
from click.testing import CliRunner, Result

from crm_plugin.cli import flask_group
from tests.channels.email.mails import complaint, prose, report
from tests.road import Road


def bounce(road: Road, data: bytes, *words: str) -> Result:
    return CliRunner().invoke(flask_group, ["bounce", *words], input=data, env=road.environment)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (report(), "hard, of no message of ours: no code of ours\n"),
        (complaint(), "complaint, of no message of ours: no code of ours\n"),
        (report(action="delayed"), "nothing to do: report: delayed\n"),
        (prose("Away", From="ann@a.example"), "nothing to do: no report\n"),
        (b"\xff\xfe no mail at all", "nothing to do: no report\n"),
    ],
)
def test_what_says_nothing_of_ours_is_no_failure(road: Road, data: bytes, line: str) -> None:
    found = bounce(road, data)
    assert (found.exit_code, found.output) == (0, line)


def test_json_is_one_document(road: Road) -> None:
    found = bounce(road, report(), "--json", "--to", "bounce+zzzzzzzzzz@b.example")
    assert json.loads(found.stdout) == {
        "kind": "hard",
        "matched": False,
        "stopped": False,
        "detail": "no code of ours",
    }


def test_nothing_at_all_is_bad_input(road: Road) -> None:
    found = bounce(road, b"\n")
    assert found.exit_code == 2
    assert "no message on standard input" in found.stderr
