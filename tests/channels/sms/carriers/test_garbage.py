"""Answers of carriers that are none: each ends as unknown or unavailable, and nothing breaks."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import responses
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_plugin.channels.base import Carrier, Message
from crm_plugin.channels.registry import CARRIERS
from crm_plugin.channels.sms.carriers.aliyun import AliyunCarrier
from crm_plugin.channels.sms.carriers.http_call import Answer
from crm_plugin.channels.sms.carriers.outcomes import Refusal
from crm_plugin.channels.sms.carriers.template_submission import Filing
from crm_plugin.channels.sms.carriers.tencent import TencentCarrier
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import connect
from tests.channels.sms.carriers.world import CODES, NAMES, settings_of
from tests.fakes.crm import NOW, make_crm

URL = "https://sms.example"
NUMBER = "+8613800000001"
ANYWHERE = re.compile(rf"{URL}.*")
NEVER_SENT = {"unknown", "unavailable"}
DEEP = b'{"Response": ' + b"[" * 100_000
BODIES: list[bytes] = [
    b"",
    b"<html><body>502 Bad Gateway</body></html>",
    b"\xff\xfe\x00",
    b"null",
    b"7",
    b"true",
    b'"OK"',
    b"[]",
    b"[[[]]]",
    b"{}",
    b'{"Response": null, "results": null, "Code": null, "sid": null}',
    b'{"Response": [], "results": {}, "Code": ["OK"], "sid": {"a": 1}}',
    b'{"Response": {"SendStatusSet": null}, "results": [null], "Code": "OK", "BizId": null, "sid": 7}',
    b'{"Response": {"SendStatusSet": [null, 7, []]}, "results": [7, []], "Code": "OK", "BizId": 7, "sid": 0}',
    b'{"Response": {"SendStatusSet": {"Code": "Ok"}}, "results": "accepted", "Code": "OK", "BizId": ""}',
    b'{"Response": {"SendStatusSet": [{"Code": "Ok"}]}, "results": [{"status": "accepted"}], "Code": 7}',
    b'{"Code": "OK", "BizId": "\\ud800", "sid": "\\u0000"}',
    b'{"Code": "OK", "BizId": "' + b"9" * 5000 + b'", "sid": "' + b"9" * 5000 + b'"}',
    b'{"sid": ' + b"9" * 9000 + b', "Code": ' + b"9" * 9000 + b"}",
    b'{"results": [{"key": "1-1", "status": ["accepted"]}, {"key": ["1-1"], "status": "accepted"}]}',
    DEEP,
]


@pytest.fixture(scope="module")
def crm() -> Iterator[dict[str, Crm]]:
    db = connect("sqlite://")
    yield {name: make_crm(db, **settings_of(name, URL)) for name in NAMES}  # type: ignore[arg-type]
    db.close()


def message(name: str, to: str = NUMBER) -> Message:
    facts: dict[str, Any] = {"channel": "sms", "campaign_id": 1, "params": {"name": "Ann"}}
    return Message("1-1", "p1", to, None, "Hello", template=CODES.get(name), **facts)


def yes() -> bool:
    return True


def answered(carrier: Carrier, status: int, body: bytes) -> tuple[str, str | None]:
    """Return what one message comes to, and the carrier's name for it, when the carrier answers this."""
    with responses.RequestsMock() as web:
        web.add("POST", ANYWHERE, body=body, status=status)
        (receipt,) = carrier.submit([message(carrier.name)], yes)
    return receipt.status, receipt.ref


@pytest.mark.parametrize("status", [200, 201, 204, 302, 400, 500, 503])
@pytest.mark.parametrize("name", NAMES)
def test_garbage_is_never_taken_for_a_message_sent(crm: dict[str, Crm], name: str, status: int) -> None:
    carrier = CARRIERS[name](crm[name])
    found = {body: answered(carrier, status, body) for body in BODIES}
    carrier.close()
    assert {body[:60]: one for body, one in found.items() if one[0] not in NEVER_SENT or one[1]} == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
KEYS = ("Response", "SendStatusSet", "PhoneNumber", "SerialNo", "Code", "Error", "BizId", "sid", "status")
WORDS = st.sampled_from((*KEYS, "code", "error_code", "results", "key", "id", "1-1", NUMBER, "Ok", "failed"))
NEARLY = st.recursive(
    JSON | WORDS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=12,
)


def says_so(name: str, text: str) -> bool:
    """Tell whether an answer has the words by which a carrier takes a message."""
    return all(f'"{word}"' in text for word in SAID[name])


SAID = {"http": ("accepted",), "aliyun": ("OK", "BizId"), "tencent": ("Ok", NUMBER), "twilio": ("sid",)}


@pytest.mark.parametrize("name", NAMES)
@given(found=NEARLY, status=st.sampled_from([200, 201, 400, 429, 503]))
@settings(max_examples=50, derandomize=True)
def test_what_is_nearly_an_answer_breaks_nothing(
    crm: dict[str, Crm], name: str, found: Any, status: int
) -> None:
    text = json.dumps(found)
    carrier = CARRIERS[name](crm[name])
    outcome, ref = answered(carrier, status, text.encode())
    carrier.close()
    assert outcome in NEVER_SENT | {"rejected"} or says_so(name, text)
    assert ref is None or ref.isprintable()


@given(st.text(max_size=30) | st.sampled_from(["²", "９", "9" * 400, "-1", "nan", " ", ",", "Mon, 99 Foo"]))
@settings(max_examples=60, derandomize=True)
def test_a_time_to_come_back_is_a_time_or_nothing(text: str) -> None:
    found = Answer(503, b"", {"Retry-After": text}).retry_after(NOW)
    assert found is None or 1 <= found <= 86_400


REVIEWS: list[Any] = [
    *(None, 7, [], {}, {"Response": None}, {"Response": {"AddTemplateStatus": [], "TemplateId": 7}}),
    {"Response": {"AddTemplateStatus": {"TemplateId": ["x"]}}, "Code": "OK", "TemplateCode": {"a": 1}},
    {"Code": "OK", "TemplateCode": "", "TemplateStatus": ["1"], "AuditInfo": "no"},
    *(
        {"Response": {"DescribeTemplateStatusSet": [{"TemplateId": ident, "StatusCode": state}]}}
        for ident, state in ((7, False), (7, 0.0), (7, []), (7, {}), (7, "0"), ([], 0), (None, 0))
    ),
    {"Response": {"DescribeTemplateStatusSet": {"TemplateId": 7, "StatusCode": 0}}},
]


@pytest.mark.parametrize("found", REVIEWS, ids=range(len(REVIEWS)))
@pytest.mark.parametrize("name", ["aliyun", "tencent"])
def test_a_review_that_says_nothing_approves_nothing(crm: dict[str, Crm], name: str, found: Any) -> None:
    carrier = CARRIERS[name](crm[name])
    assert isinstance(carrier, AliyunCarrier | TencentCarrier)
    with responses.RequestsMock() as web:
        web.add("POST", ANYWHERE, json=found)
        filed = carrier.text_review.file(Filing("n", "Hello ${name}", False, "网校", ""))
        verdicts = carrier.text_review.verdicts(["7", "²"] if name == "tencent" else ["SMS_7"])
    carrier.close()
    assert isinstance(filed, Refusal)
    assert isinstance(verdicts, Refusal) or verdicts == []


def test_reports_that_are_asked_for_may_be_garbage(crm: dict[str, Crm]) -> None:
    carrier = AliyunCarrier(crm["aliyun"])
    row = {"PhoneNum": "13800000001", "SendStatus": 3}
    rows: list[Any] = [None, 7, [None, 7, []], {}, [{**row, "SendStatus": [3]}], [{**row, "PhoneNum": None}]]
    bodies = [{"Code": "OK", "SmsSendDetailDTOs": {"SmsSendDetailDTO": found}} for found in rows]
    answers: list[Any] = [*bodies, {"Code": "OK", "SmsSendDetailDTOs": [row]}, [], None]
    for found in answers:
        with responses.RequestsMock() as web:
            web.add("POST", ANYWHERE, json=found)
            assert carrier.ask("biz/13800000001", NOW) is None
    carrier.close()
