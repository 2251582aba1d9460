"""The conformance kit as an author runs it: a good host passes, each broken one fails where it is broken."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hooks.moodle_site import FACTS, load

ROOT = Path(__file__).resolve().parents[2]
Results = dict[str, tuple[int, str]]
BROKEN = {
    "a_bad_row": "test_every_row_is_good",
    "a_dangling_reference": "test_what_rows_name_exists",
    "a_claim_without_hook": "test_claimed_capabilities_have_their_hooks",
    "an_admin_for_everybody": "test_nobody_is_signed_in_without_a_request",
    "repeating": "test_small_pages_give_the_same_rows",
    "twice": "test_ids_are_unique",
    "forgetful": "test_fetched_rows_equal_scanned_rows",
    "strict": "test_unknown_ids_are_missing",
    "endless": "test_changes_since_now_come_to_an_end",
    "optimist": "test_the_estimate_is_close",
    "fickle": "test_the_facts_stay_the_same",
    "deaf": "test_every_row_is_good",
}
"""Host of :mod:`tests.hostkit.hosts` → the check at which it must fail."""
OTHERS = ("good", "a_wrong_zone", "an_empty_field", "undated_ends", "absent")

# One process for all of them: starting Python is most of the time that a run takes.
_PROGRAM = """
import sys
from crm_plugin.hostkit import run
for name in sys.argv[1:]:
    print(f"<<{name}")
    print(f">>{run('tests.hostkit.hosts:' + name)}")
"""


def _python(program: str, *arguments: str, cwd: Path = ROOT, **environ: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=cwd,
        env=os.environ | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=180,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def results() -> Results:
    """Host → exit code of the kit and what it printed."""
    names = (*BROKEN, *OTHERS)
    _, output = _python(_PROGRAM, *names, PYTHONUNBUFFERED="1")
    found = re.findall(r"^<<(\w+)$(.*?)^>>(\d+)$", output, re.MULTILINE | re.DOTALL)
    assert [name for name, _, _ in found] == list(names), output
    return {name: (int(code), text) for name, text, code in found}


def test_a_good_host_passes_and_gets_its_table(results: Results) -> None:
    code, output = results["good"]
    assert code == 0, output
    assert re.search(r"^\| persons \| 20 \| 3 of 28 \| ✔ \| \d+ / \d+ ms \|$", output, re.MULTILINE), output
    assert "| message.idempotent | ✖ |" in output
    assert "Peak memory" in output
    assert "**warning**" not in output


@pytest.mark.parametrize(("host", "check"), BROKEN.items())
def test_a_broken_host_fails_at_its_check(results: Results, host: str, check: str) -> None:
    code, output = results[host]
    assert code == 1, output
    assert check in re.findall(r"^(?:FAILED|ERROR) \S+::(\w+)", output, re.MULTILINE), output


def test_inconsistent_facts_end_everything_else(results: Results) -> None:
    code, output = results["a_wrong_zone"]
    assert code == 1
    assert "Moon/Crater" in output


def test_a_field_that_is_always_empty_is_a_warning(results: Results) -> None:
    code, output = results["an_empty_field"]
    assert code == 0, output
    assert "persons.gender is listed, and None in every row" in output


def test_dates_that_contradict_are_a_warning(results: Results) -> None:
    code, output = results["undated_ends"]
    assert code == 0, output
    assert "1 rows of enrolments ended because access ran out, and do not say when (expires_at)" in output
    assert "1 rows of enrolments run out before they begin" in output


def test_what_is_no_host_is_an_error_of_usage(results: Results) -> None:
    code, output = results["absent"]
    assert code == 2
    assert "--host: tests.hostkit.hosts:absent" in output


def test_moodle_passes_from_any_folder(moodle_folder: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/moodle.db"
    load(moodle_folder, url)
    settings = {f"CRM_{name.upper()}": value for name, value in FACTS.items()} | {"CRM_HOST_URL": url}
    program = "import sys; from crm_plugin.hostkit import run; sys.exit(run('crm_plugin.hooks.moodle:host'))"
    code, output = _python(program, cwd=tmp_path, **settings)
    assert code == 0, output
    assert "| signals | 13,663 | 6 of 6 | ✔ |" in output


def test_pytest_knows_the_option_by_itself(tmp_path: Path) -> None:
    program = "import pytest, sys; sys.exit(pytest.main(sys.argv[1:]))"
    arguments = (
        "--pyargs",
        "crm_plugin.hostkit",
        "--host=tests.hostkit.hosts:good",
        "-p",
        "no:cacheprovider",
    )
    code, output = _python(program, *arguments, cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert code == 0, output
    assert "### tests.hostkit.hosts:good" in output
