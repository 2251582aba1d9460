"""Bodies for carriers' addresses and the API that are none: refused with 400, and nothing is settled."""

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import Client

from crm_plugin.channels.registry import push_of
from crm_plugin.channels.sms.carriers.pushes import Report
from crm_plugin.channels.sms.carriers.twilio import signature_of
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput
from crm_plugin.tables import metadata
from crm_plugin.web.api.openapi import endpoints_of
from crm_plugin.web.public import PublicApp
from tests.channels.sms.carriers.world import NAMES, SECRET, settings_of
from tests.fakes.crm import make_crm
from tests.web.fixtures import open_school
from tests.web.test_api import Program
from tests.web.test_public import SQLITE
from tests.web.test_public import school as host_app

TWILIO = "https://s.example/crm/c/twilio/status"
DELIVERY = metadata.tables["crm_delivery"]
EARLY = metadata.tables["crm_early_report"]
REF = "m-1"
ROW: dict[str, dict[str, Any]] = {
    "http": {"id": REF, "status": "delivered"},
    "aliyun": {"biz_id": "1", "phone_number": "13800138000", "success": True},
    "tencent": {"sid": REF, "report_status": "SUCCESS"},
    "twilio": {"MessageSid": REF, "MessageStatus": "failed", "ErrorCode": "30003"},
}
"""Carrier → a report that is taken."""
WRONG: list[Any] = [None, True, [], {}, [REF], {"a": REF}, "", "\x00", "m\ud800", "9" * 200, 1.5]
OTHERS: list[Any] = [None, 7, [], "x"]
TIMES = ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-11-15", 7, [], {}, True, "\x00"]


@pytest.fixture
def crm(database: Database, tmp_path: Path) -> Crm:
    facts: dict[str, Any] = {name: value for one in NAMES for name, value in settings_of(one).items()}
    return make_crm(database, instance=str(tmp_path), public_url="https://s.example/crm", **facts)


def post(crm: Crm, carrier: str, body: Any) -> int:
    """Post a body in the carrier's name, proven; return the status of the answer."""
    client = Client(PublicApp(crm, host_app))
    if carrier != "twilio":
        return client.post(f"/c/{carrier}/{SECRET}", data=body).status_code
    proof = {"X-Twilio-Signature": signature_of("twilio-secret", TWILIO, body.items())}
    return client.post("/c/twilio/status", data=body, headers=proof).status_code


def wrapped(carrier: str, row: Any) -> bytes:
    return json.dumps({"receipts": [row]} if carrier == "http" else [row]).encode()


def untouched(crm: Crm) -> bool:
    with crm.db.read() as session:
        states = set(session.scalars(sa.select(DELIVERY.c.state)))
        return states == {"sent"} and session.scalar(sa.select(sa.func.count()).select_from(EARLY)) == 0


def handed_over(crm: Crm, carrier: str) -> None:
    row = {"campaign_id": 1, "person_id": 1, "channel": "sms", "state": "sent", "tries": 1, "marketing": True}
    with crm.db.begin() as session:
        session.execute(sa.insert(DELIVERY), [{**row, "carrier": carrier, "carrier_ref": REF}])


@SQLITE
@pytest.mark.parametrize("carrier", ["http", "aliyun", "tencent"])
def test_a_report_of_another_shape_is_refused(crm: Crm, carrier: str) -> None:
    handed_over(crm, carrier)
    names = [name for name in ROW[carrier] if name != "success"]
    rows = [{**ROW[carrier], name: value} for name in names for value in WRONG]
    rows += [{key: value for key, value in ROW[carrier].items() if key != name} for name in names]
    bodies = [wrapped(carrier, row) for row in rows] + [wrapped(carrier, other) for other in OTHERS]
    found = {body: post(crm, carrier, body) for body in bodies}
    assert {body for body, status in found.items() if status != 400} == set()
    assert untouched(crm)


@SQLITE
@pytest.mark.parametrize("at", TIMES)
def test_an_impossible_time_is_refused(crm: Crm, at: Any) -> None:
    handed_over(crm, "http")
    assert post(crm, "http", wrapped("http", {**ROW["http"], "at": at})) == 400
    assert untouched(crm)


@SQLITE
@pytest.mark.parametrize("changes", [{"MessageSid": "\x00"}, {"MessageSid": ""}, {"ErrorCode": "\x00"}])
def test_a_signed_form_of_another_shape_is_refused(crm: Crm, changes: dict[str, str]) -> None:
    handed_over(crm, "twilio")
    assert post(crm, "twilio", {**ROW["twilio"], **changes}) == 400
    assert untouched(crm)


@SQLITE
def test_a_verdict_that_no_column_holds_is_cleaned(crm: Crm) -> None:
    push = {"template_code": "SMS_1", "template_status": "rejected", "reason": "bad\x00word\ud800"}
    found = push_of("aliyun")
    assert found is not None
    read = found.verdicts
    assert read is not None
    (verdict,) = read(json.dumps([push]).encode())
    assert (verdict.state, verdict.reason) == ("rejected", "bad word")
    assert post(crm, "aliyun", json.dumps([push])) == 200


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("carrier", NAMES)
@given(data=st.data())
@settings(max_examples=60, derandomize=True)
def test_a_push_is_read_or_refused(carrier: str, data: st.DataObject) -> None:
    push = push_of(carrier)
    assert push is not None
    fields = st.sampled_from([*ROW[carrier], "at", "code", "errmsg", "err_code", "template_status", "reason"])
    row = st.dictionaries(fields, VALUES | st.sampled_from(list(ROW[carrier].values())), max_size=6)
    body = data.draw(st.binary(max_size=60) | row.map(lambda found: wrapped(carrier, found)))
    found: list[Report] = []
    code = "input."
    try:
        found = push.read(body)
        assert push.verdicts is None or all(one.code for one in push.verdicts(body))
    except BadInput as error:
        found, code = [], error.code
    assert code.startswith("input.")
    assert all(one.ref and one.ref.isprintable() for one in found)


BODIES = [b"null", b"7", b"[]", b'"x"', b"{", b"\xff\xfe", b"[" * 100_000, b'{"a": NaN}', b'{"a": "\\ud800"}']
NESTED = json.dumps({"tree": [None], "audience": {"rules": None}, "ids": {"a": None}, "name": [7]}).encode()


@SQLITE
def test_bodies_of_the_api_that_are_none_are_refused(database: Database, tmp_path: Path) -> None:
    school = open_school(database, tmp_path)
    program = Program(school)
    taking = [one for one in endpoints_of(school.crm) if one.shape.body is not None]
    assert len(taking) > 10
    for one in taking:
        path = one.rule.replace("<int:", "<")
        path = "/admin/crm" + "/".join("1" if part.startswith("<") else part for part in path.split("/"))
        for body in [*BODIES, NESTED]:
            headers = {"Authorization": f"Bearer {program.token}", "Content-Type": "application/json"}
            answer = school.client.open(path, method=one.method, data=body, headers=headers)
            assert answer.status_code in (400, 404), (one.name, body[:40], answer.status_code)
