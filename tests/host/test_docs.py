"""docs/hosts.md names every hook, capability and field of the contract, and none that there is not."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from crm_plugin.host import records as r
from crm_plugin.host.answer_checks import CAPABILITIES
from crm_plugin.host.hookspecs import REQUIRED, HostSpec

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "hosts.md").read_text(encoding="utf-8")
HOOKS = {name for name in vars(HostSpec) if name.startswith("host_")}
RECORDS = (r.Person, r.Consent, r.Course, r.Enrolment, r.Order, r.OrderLine, r.Signal, r.HostInfo, r.Actor)


def _row(name: str) -> str:
    found = re.search(rf"^\| `{name}` \|(.*)\|$", PAGE, re.MULTILINE)
    assert found, f"{name} has no row"
    return found[1]


def test_each_hook_has_a_row() -> None:
    assert set(re.findall(r"^\| `(host_\w+)` \|", PAGE, re.MULTILINE)) == HOOKS
    required = re.search(r"Required are (.*?)\.\n", PAGE)
    assert required
    assert set(re.findall(r"`(\w+)`", required[1])) == set(REQUIRED)


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_each_capability_is_named(capability: str) -> None:
    assert f"`{capability}`" in PAGE


@pytest.mark.parametrize("record", RECORDS)
def test_each_field_of_a_record_is_named(record: type) -> None:
    named = re.findall(r"`([a-z_]+)`", _row(record.__name__))
    assert named == [field.name for field in fields(record)]


def test_each_permission_is_named() -> None:
    assert all(f"`{permission}`" in PAGE for permission in r.PERMISSIONS)
