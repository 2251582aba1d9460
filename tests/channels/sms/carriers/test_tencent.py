"""Tencent Cloud: its published signature, calls shared by equal values, and what its codes mean."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import responses

from crm_plugin.channels.sms.carriers.pushes import Report
from crm_plugin.channels.sms.carriers.tencent import TencentCarrier, signed
from crm_plugin.kernel.db.engine import Database
from tests.channels.sms.carriers.world import line, sent

SQLITE = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)


def yes() -> bool:
    return True


def test_the_published_signature_comes_out() -> None:
    """The example of the reference page on signature V3."""
    key = ("AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE")
    headers = {"content-type": "application/json; charset=utf-8", "host": "cvm.tencentcloudapi.com"}
    body = rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
    assert signed(key, "cvm", headers, body, 1551113065)["Authorization"] == (
        "TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE/2019-02-25/cvm/tc3_request, "
        "SignedHeaders=content-type;host, "
        "Signature=72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"
    )


@SQLITE
def test_a_call_is_what_the_reference_asks_for(database: Database) -> None:
    with line("tencent", database) as here, responses.RequestsMock() as web:
        status = {"SerialNo": "5000:1", "PhoneNumber": "+8613800000001", "Code": "Ok"}
        web.add("POST", f"{here.gateway.url}/", json={"Response": {"SendStatusSet": [status]}})
        (receipt,) = here.carrier.submit([here.message(1)], yes)
        request, body = sent(web)
    assert (receipt.status, receipt.ref) == ("accepted", "5000:1")
    assert json.loads(body) == {
        "PhoneNumberSet": ["+8613800000001"],
        "SmsSdkAppId": "1400006666",
        "TemplateId": "1110",
        "SignName": "网校",
        "TemplateParamSet": ["学员1"],
    }
    assert request.headers["X-TC-Version"] == "2021-01-11"
    assert request.headers["X-TC-Region"] == "ap-guangzhou"


@SQLITE
def test_equal_values_share_a_call_and_the_mainland_stands_alone(database: Database) -> None:
    with line("tencent", database) as here:
        same: dict[str, Any] = {"params": {"name": "x"}}
        messages = [here.message(n, **same) for n in range(5)]
        messages += [here.message(9, "+85261234567", **same), here.message(7)]
        receipts = here.carrier.submit(messages, yes)
        assert here.gateway.calls == 3
    assert {receipt.status for receipt in receipts} == {"accepted"}


CODES = [
    ("InvalidParameterValue.IncorrectPhoneNumber", "rejected", "bad_number"),
    ("FailedOperation.PhoneNumberInBlacklist", "rejected", "blocked_number"),
    ("InvalidParameterValue.ProhibitedUseUrlInTemplateParameter", "rejected", "bad_value"),
    ("InvalidParameterValue.TemplateParameterLengthLimit", "rejected", "bad_value"),
    ("LimitExceeded.PhoneNumberDailyLimit", "unavailable", "number_limit"),
    ("LimitExceeded.AppDailyLimit", "unavailable", "carrier_limit"),
    ("RequestLimitExceeded.IPLimitExceeded", "unavailable", "carrier_throttled"),
    ("FailedOperation.InsufficientBalanceInSmsPackage", "unavailable", "carrier_balance"),
    ("UnauthorizedOperation.SerivceSuspendDueToArrears", "unavailable", "carrier_balance"),
    ("UnauthorizedOperation.SmsSdkAppIdVerifyFail", "unavailable", "carrier_login"),
    ("AuthFailure.SignatureExpire", "unavailable", "carrier_login"),
    ("FailedOperation.TemplateIncorrectOrUnapproved", "unavailable", "carrier_template"),
    ("FailedOperation.SignatureIncorrectOrUnapproved", "unavailable", "carrier_signature"),
    ("FailedOperation.JsonParseFail", "unavailable", "carrier_refused"),
    ("InternalError.Timeout", "unknown", "carrier_failed"),
]


@SQLITE
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize(("code", "status", "reason"), CODES)
def test_what_a_code_means(database: Database, code: str, status: str, reason: str, whole: bool) -> None:
    row = {"SerialNo": "", "PhoneNumber": "+8613800000001", "Code": code, "Message": "…"}
    answer = {"Error": {"Code": code, "Message": "…"}} if whole else {"SendStatusSet": [row]}
    with line("tencent", database) as here:
        here.gateway.next = (200, {"Response": answer})
        (receipt,) = here.carrier.submit([here.message(1)], yes)
    assert receipt.status == status
    assert str(receipt.reason).startswith(f"{reason}:{code}"[:64])


@SQLITE
@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{"PhoneNumber": "+8613800000002", "Code": "Ok", "SerialNo": "1"}],
        [{"PhoneNumber": "+8613800000001", "Code": "Ok", "SerialNo": "1"}] * 2,
        [{"PhoneNumber": "+8613800000001", "Code": None}],
        "Ok",
        [7],
    ],
)
def test_a_number_that_is_not_named_once_is_in_doubt(database: Database, rows: object) -> None:
    with line("tencent", database) as here:
        here.gateway.next = (200, {"Response": {"SendStatusSet": rows}})
        (receipt,) = here.carrier.submit([here.message(1)], yes)
    assert (receipt.status, receipt.reason) == ("unknown", "carrier_garbage")


@SQLITE
def test_after_a_refusal_of_the_account_nobody_is_called(database: Database) -> None:
    with line("tencent", database, sms_tencent_secret_key="stolen") as here:
        receipts = here.carrier.submit([here.message(n) for n in range(5)], yes)
        assert here.gateway.calls == 1
    assert {receipt.status for receipt in receipts} == {"unavailable"}
    assert {receipt.reason for receipt in receipts} == {"carrier_login:AuthFailure.SignatureFailure"}


def test_reports_are_read() -> None:
    """The sample of the reference page, and its counterpart."""
    row = {
        "user_receive_time": "2015-10-17 08:03:04",
        "nationcode": "86",
        "mobile": "13800138000",
        "report_status": "SUCCESS",
        "errmsg": "DELIVRD",
        "description": "用户短信送达成功",
        "sid": "5000:1",
    }
    failed = {**row, "report_status": "FAIL", "errmsg": "MK:0001", "user_receive_time": ""}
    assert TencentCarrier.push.read(json.dumps([row, failed]).encode()) == [
        Report("5000:1", "delivered", None, datetime(2015, 10, 17, 0, 3, 4, tzinfo=UTC)),
        Report("5000:1", "failed_permanent", "MK:0001"),
    ]


@SQLITE
@pytest.mark.parametrize(
    "said", [{}, {"SendStatusSet": None}, {"SendStatusSet": "x"}, {"SendStatusSet": [None, 7]}]
)
def test_an_answer_without_a_status_leaves_messages_in_doubt(
    database: Database, said: dict[str, Any]
) -> None:
    with line("tencent", database) as here, responses.RequestsMock() as web:
        web.add("POST", f"{here.gateway.url}/", json={"Response": {"RequestId": "r", **said}})
        receipts = here.carrier.submit([here.message(1)], yes)
    assert [receipt.status for receipt in receipts] == ["unknown"]
