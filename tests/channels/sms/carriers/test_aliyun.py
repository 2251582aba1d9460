"""Aliyun: its published signature, its limits, and what its codes mean."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from crm_plugin.channels.sms.carriers.aliyun import AliyunCarrier, bare, canonical, signed
from crm_plugin.channels.sms.carriers.pushes import Report
from crm_plugin.kernel.db.engine import Database
from tests.channels.sms.carriers.world import line, sent
from tests.fakes.sms import FakeAliyun

SQLITE = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)


def yes() -> bool:
    return True


def test_the_published_signature_comes_out() -> None:
    """The example of the reference page on request signature V3."""
    headers = {
        "x-acs-action": "RunInstances",
        "x-acs-version": "2014-05-26",
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
    }
    query = {
        "RegionId": "cn-shanghai",
        "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd",
    }
    key = ("YourAccessKeyId", "YourAccessKeySecret")
    found = signed(key, "https://ecs.cn-shanghai.aliyuncs.com", headers, b"", query=query)
    assert found["Authorization"] == (
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;"
        "x-acs-date;x-acs-signature-nonce;x-acs-version,"
        "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )
    assert found["x-acs-content-sha256"].startswith("e3b0c44298fc1c149afbf4c8996fb924")


def test_queries_are_encoded_as_they_are_signed() -> None:
    assert canonical({"b": "1 +*~/", "a": "课&="}) == "a=%E8%AF%BE%26%3D&b=1%20%2B%2A~%2F"


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("+8613800138000", "13800138000"),
        ("8613800138000", "13800138000"),
        ("008613800138000", "13800138000"),
        ("13800138000", "13800138000"),
        ("+85261234567", "85261234567"),
        ("+14155550100", "14155550100"),
    ],
)
def test_numbers_are_written_as_they_are_there(number: str, expected: str) -> None:
    assert bare(number) == expected


@SQLITE
def test_a_call_is_what_the_reference_asks_for(database: Database) -> None:
    with line("aliyun", database) as here, responses.RequestsMock() as web:
        web.add("POST", f"{here.gateway.url}/", json={"Code": "OK", "BizId": "9006^0"})
        receipts = here.carrier.submit([here.message(1), here.message(2)], yes)
        request, body = sent(web)
    assert [(receipt.status, receipt.ref) for receipt in receipts] == [
        ("accepted", "9006^0/13800000001"),
        ("accepted", "9006^0/13800000002"),
    ]
    assert parse_qs(urlsplit(str(request.url)).query) == {"TemplateCode": ["SMS_1"]}
    form = {name: json.loads(value[0]) for name, value in parse_qs(body).items()}
    assert form == {
        "PhoneNumberJson": ["13800000001", "13800000002"],
        "SignNameJson": ["网校", "网校"],
        "TemplateParamJson": [{"name": "学员1"}, {"name": "学员2"}],
    }
    assert request.headers["x-acs-action"] == "SendBatchSms"
    assert request.headers["x-acs-version"] == "2017-05-25"


CODES = [
    ("isv.MOBILE_NUMBER_ILLEGAL", "rejected", "bad_number"),
    ("isv.BLACK_KEY_CONTROL_LIMIT", "rejected", "bad_value"),
    ("isv.PARAM_NOT_SUPPORT_URL", "rejected", "bad_value"),
    ("isv.BUSINESS_LIMIT_CONTROL", "unavailable", "number_limit"),
    ("isv.DAY_LIMIT_CONTROL", "unavailable", "carrier_limit"),
    ("isv.AMOUNT_NOT_ENOUGH", "unavailable", "carrier_balance"),
    ("isv.OUT_OF_SERVICE", "unavailable", "carrier_balance"),
    ("isv.ACCOUNT_ABNORMAL", "unavailable", "carrier_login"),
    ("isv.PRODUCT_UN_SUBSCRIPT", "unavailable", "carrier_login"),
    ("isp.RAM_PERMISSION_DENY", "unavailable", "carrier_login"),
    ("SignatureDoesNotMatch", "unavailable", "carrier_login"),
    ("InvalidAccessKeyId.NotFound", "unavailable", "carrier_login"),
    ("isv.SMS_TEMPLATE_ILLEGAL", "unavailable", "carrier_template"),
    ("isv.TEMPLATE_MISSING_PARAMETERS", "unavailable", "carrier_template"),
    ("isv.SMS_SIGNATURE_ILLEGAL", "unavailable", "carrier_signature"),
    ("isv.SIGN_STATE_ILLEGAL", "unavailable", "carrier_signature"),
    ("Throttling.User", "unavailable", "carrier_throttled"),
    ("isv.SOMETHING_NEW", "unavailable", "carrier_refused"),
    ("InvalidAction.NotFound", "unavailable", "carrier_refused"),
    ("isp.SYSTEM_ERROR", "unknown", "carrier_failed"),
    ("OK", "unknown", "carrier_garbage"),
]


@SQLITE
@pytest.mark.parametrize(("code", "status", "reason"), CODES)
def test_what_a_code_means(database: Database, code: str, status: str, reason: str) -> None:
    with line("aliyun", database) as here:
        here.gateway.next = (200, {"Code": code, "Message": "…"})
        (receipt,) = here.carrier.submit([here.message(1)], yes)
    assert receipt.status == status
    assert str(receipt.reason).partition(":")[0] == reason
    assert receipt.permanent is (status == "rejected")
    assert bool(receipt.retry_after) is (status == "unavailable")


@SQLITE
@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (503, "Throttling", "unavailable"),
        (503, "ServiceUnavailable", "unknown"),
        (500, "InternalError", "unknown"),
        (500, "isv.AMOUNT_NOT_ENOUGH", "unknown"),
        (500, "OK", "unknown"),
    ],
)
def test_an_error_of_the_server_leaves_the_outcome_open(
    database: Database, status: int, code: str, expected: str
) -> None:
    with line("aliyun", database) as here:
        here.gateway.next = (status, {"Code": code, "BizId": "1^0"})
        (receipt,) = here.carrier.submit([here.message(1)], yes)
    assert receipt.status == expected


@SQLITE
def test_one_bad_value_is_found_by_halves(database: Database) -> None:
    with line("aliyun", database) as here:
        messages = [here.message(number) for number in range(100)]
        messages[70].params["name"] = "见 http://x.example"
        messages[20].params["name"] = "长" * 36
        messages[21].params["name"] = ""
        receipts = here.carrier.submit(messages, yes)
        taken, calls = len(here.gateway.taken), here.gateway.calls
    refused = {
        number: receipt.reason for number, receipt in enumerate(receipts) if receipt.status == "rejected"
    }
    assert refused == {
        20: "bad_value:length",
        21: "bad_value:length",
        70: "bad_value:isv.PARAM_NOT_SUPPORT_URL",
    }
    assert taken == len([receipt for receipt in receipts if receipt.status == "accepted"]) == 97
    assert calls <= 2 * 7 + 1, "a hundred are halved seven times"


@SQLITE
def test_what_is_wrong_for_all_is_told_once(database: Database) -> None:
    with line("aliyun", database, sms_signature="别人") as here:
        receipts = here.carrier.submit([here.message(number) for number in range(10)], yes)
        assert {receipt.reason for receipt in receipts} == {"carrier_signature:isv.SMS_SIGNATURE_ILLEGAL"}
        assert here.gateway.calls == 1
    with line("aliyun", database, sms_aliyun_key_secret="stolen") as here:
        (receipt,) = here.carrier.submit([here.message(1)], yes)
        assert receipt.reason == "carrier_login:SignatureDoesNotMatch"


@SQLITE
def test_templates_do_not_mix_and_one_without_code_is_not_called(database: Database) -> None:
    with line("aliyun", database) as here:
        messages = [here.message(1), here.message(2, template="SMS_0"), here.message(3, template=None)]
        receipts = here.carrier.submit(messages, yes)
        assert here.gateway.calls == 2
    assert [receipt.status for receipt in receipts] == ["accepted", "accepted", "unavailable"]
    assert receipts[2].reason == "carrier_template:no_code"


@SQLITE
def test_it_can_be_asked_what_became_of_a_message(database: Database) -> None:
    at = datetime(2026, 11, 15, 12, 0, tzinfo=UTC)
    with line("aliyun", database) as here:
        assert isinstance(here.gateway, FakeAliyun)
        assert isinstance(here.carrier, AliyunCarrier)
        receipts = here.carrier.submit([here.message(n) for n in (1, 2, 3)], yes)
        refs = [str(receipt.ref) for receipt in receipts]
        for ref, status in zip(refs, (1, 2, 3), strict=True):
            here.gateway.sent[ref.rpartition("/")[0], ref.rpartition("/")[2]] = status
        came = datetime(2026, 11, 15, 12, 0, 5, tzinfo=UTC)
        assert [here.carrier.ask(ref, at) for ref in refs] == [
            None,
            Report(refs[1], "failed_permanent", "MK:0001", came),
            Report(refs[2], "delivered", None, came),
        ]
        assert here.carrier.ask("1^0/13800000009", at) is None
        odd: list[Any] = [[], {"Code": "OK"}, {"Code": "OK", "SmsSendDetailDTOs": {"SmsSendDetailDTO": [7]}}]
        for answer in odd:
            here.gateway.next = (200, answer)
            assert here.carrier.ask(refs[0], at) is None


def row(**changes: Any) -> dict[str, Any]:
    return {
        "phone_number": "13800138000",
        "send_time": "2017-01-01 00:00:00",
        "report_time": "2017-01-01 08:00:00",
        "success": True,
        "err_code": "DELIVERED",
        "err_msg": "用户接收成功",
        "sms_size": "1",
        "biz_id": "12345^0",
        "out_id": "67890",
        **changes,
    }


def test_reports_are_read() -> None:
    body = json.dumps([row(), row(success=False, err_code="MK:0001", report_time="soon")]).encode()
    ref = "12345^0/13800138000"
    assert AliyunCarrier.push.read(body) == [
        Report(ref, "delivered", None, datetime(2017, 1, 1, tzinfo=UTC)),
        Report(ref, "failed_permanent", "MK:0001"),
    ]


def test_its_counterpart_refuses_replays_and_old_requests(database: Database) -> None:
    heard: list[tuple[str, dict[str, str], bytes]] = []
    with line("aliyun", database) as open_line:
        answer = open_line.gateway.answer

        def listen(path: str, headers: Any, body: bytes) -> Any:
            heard.append((path, dict(headers), body))
            return answer(path, headers, body)

        open_line.gateway.answer = listen  # type: ignore[method-assign]
        (receipt,) = open_line.carrier.submit([open_line.message(1)], lambda: True)
        assert receipt.status == "accepted"
        path, headers, body = heard[0]
        again = answer(path, headers, body)
        late = answer(path, {**headers, "x-acs-date": "2026-01-01T00:00:00Z"}, body)
    assert again[1]["Code"] == "SignatureNonceUsed"
    assert late[1]["Code"] == "InvalidTimeStamp.Expired"
    assert len(open_line.gateway.taken) == 1
