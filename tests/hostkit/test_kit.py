"""The conformance kit as an author runs it: a good host passes, each broken one fails where it is broken."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hooks.moodle_site import FACTS, load

ROOT = Path(__file__).resolve().parents[2]


def _run(target: str, cwd: Path = ROOT, **environ: str) -> tuple[int, str]:
    """Run the kit in a process of its own; return its exit code and what it printed."""
    program = f"import sys; from crm_plugin.hostkit import run; sys.exit(run({target!r}))"
    command = [sys.executable, "-c", program]
    env = os.environ | {"PYTHONPATH": str(ROOT)} | environ
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


def _failed(output: str) -> set[str]:
    return set(re.findall(r"^(?:FAILED|ERROR) \S+::(\w+)", output, re.MULTILINE))


def test_a_good_host_passes_and_gets_its_table() -> None:
    code, output = _run("tests.hostkit.hosts:good")
    assert code == 0, output
    assert re.search(r"^\| persons \| 20 \| 3 of 28 \| ✔ \| \d+ / \d+ ms \|$", output, re.MULTILINE), output
    assert "| message.idempotent | ✖ |" in output
    assert "Peak memory" in output
    assert "**warning**" not in output


@pytest.mark.parametrize(
    ("host", "check"),
    [
        ("a_bad_row", "test_every_row_is_good"),
        ("a_dangling_reference", "test_what_rows_name_exists"),
        ("a_claim_without_hook", "test_claimed_capabilities_have_their_hooks"),
        ("an_admin_for_everybody", "test_nobody_is_signed_in_without_a_request"),
        ("repeating", "test_small_pages_give_the_same_rows"),
        ("twice", "test_ids_are_unique"),
        ("forgetful", "test_fetched_rows_equal_scanned_rows"),
        ("strict", "test_unknown_ids_are_missing"),
        ("endless", "test_changes_since_now_come_to_an_end"),
        ("optimist", "test_the_estimate_is_close"),
        ("fickle", "test_the_facts_stay_the_same"),
        ("deaf", "test_every_row_is_good"),
    ],
)
def test_a_broken_host_fails_at_its_check(host: str, check: str) -> None:
    code, output = _run(f"tests.hostkit.hosts:{host}")
    assert code == 1, output
    assert check in _failed(output), output


def test_inconsistent_facts_end_everything_else() -> None:
    code, output = _run("tests.hostkit.hosts:a_wrong_zone")
    assert code == 1
    assert "Moon/Crater" in output


def test_a_field_that_is_always_empty_is_a_warning() -> None:
    code, output = _run("tests.hostkit.hosts:an_empty_field")
    assert code == 0, output
    assert "persons.gender is listed, and None in every row" in output


@pytest.mark.parametrize("target", ["nonsense", "no.such.module:host", "tests.hostkit.hosts:absent"])
def test_what_is_no_host_is_an_error_of_usage(target: str) -> None:
    code, output = _run(target)
    assert code == 2
    assert "--host: " in output


def test_moodle_passes(moodle_folder: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/moodle.db"
    load(moodle_folder, url)
    settings = {f"CRM_{name.upper()}": value for name, value in FACTS.items()}
    code, output = _run("crm_plugin.hooks.moodle:host", tmp_path, CRM_HOST_URL=url, **settings)
    assert code == 0, output
    assert "| signals | 13,663 | 6 of 6 | ✔ |" in output
