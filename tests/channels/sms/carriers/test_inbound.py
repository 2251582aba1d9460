"""What carriers post when somebody writes to our number, by published samples; and codes that say no."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from crm_plugin.channels.registry import push_of
from crm_plugin.channels.sms.carriers import receipt_codes
from crm_plugin.channels.sms.carriers.aliyun import _KINDS as ALIYUN
from crm_plugin.channels.sms.carriers.outcomes import KINDS, kind_of
from crm_plugin.channels.sms.carriers.pushes import CHINA, Inbound, Push, Report
from crm_plugin.channels.sms.carriers.tencent import _KINDS as TENCENT
from crm_plugin.channels.sms.carriers.tencent import _until_morning
from crm_plugin.kernel.errors import BadInput

SMS_UP = {
    "phone_number": "13812345678",
    "content": "TD",
    "send_time": "2017-09-01 00:00:00",
    "dest_code": "1234",
    "sequence_id": "1234567890",
}
"""help.aliyun.com, SmsUp by HTTP."""
CALLBACK = {
    "extend": "",
    "mobile": "13812345678",
    "nationcode": "86",
    "sign": "网校",
    "text": "退订",
    "time": 1457336869,
}
"""cloud.tencent.com, the callback of replies."""
FORM = {
    "ToCountry": "US",
    "SmsMessageSid": "SM7",
    "NumMedia": "0",
    "FromCity": "",
    "SmsStatus": "received",
    "Body": "I need late checkout please",
    "To": "+15551234567",
    "NumSegments": "1",
    "MessageSid": "SM7",
    "AccountSid": "AC1",
    "From": "+14155559876",
    "ApiVersion": "2010-04-01",
}
"""A form as Twilio posts it for an incoming message."""
GATEWAY = {"id": "r-1", "from": "+8613812345678", "text": "R", "at": "2026-11-15T20:00:00+08:00"}


def of(carrier: str) -> Push:
    found = push_of(carrier)
    assert found is not None
    return found


def heard(carrier: str, document: Any) -> list[Inbound]:
    """Return the replies in a push, which holds no reports."""
    body = urlencode(document) if carrier == "twilio" else json.dumps(document)
    assert of(carrier).read(body.encode()) == []
    return of(carrier).inbound(body.encode())


SAMPLES: list[tuple[str, Any, Inbound]] = [
    (
        "aliyun",
        [SMS_UP],
        Inbound("+8613812345678", "TD", datetime(2017, 8, 31, 16, tzinfo=UTC), "1234567890/13812345678"),
    ),
    (
        "aliyun",
        [SMS_UP | {"sequence_id": 1234567890, "sign_name": "网校"}],
        Inbound("+8613812345678", "TD", datetime(2017, 8, 31, 16, tzinfo=UTC), "1234567890/13812345678"),
    ),
    ("tencent", CALLBACK, Inbound("+8613812345678", "退订", datetime(2016, 3, 7, 7, 47, 49, tzinfo=UTC))),
    ("twilio", FORM, Inbound("+14155559876", "I need late checkout please", id="SM7")),
    (
        "twilio",
        FORM | {"Body": "Stop", "OptOutType": "STOP"},
        Inbound("+14155559876", "Stop", id="SM7", wish="stop"),
    ),
    (
        "twilio",
        FORM | {"ErrorCode": "11200", "ErrorUrl": "x"},
        Inbound("+14155559876", FORM["Body"], id="SM7"),
    ),
    (
        "http",
        {"replies": [GATEWAY]},
        Inbound("+8613812345678", "R", datetime(2026, 11, 15, 12, tzinfo=UTC), "r-1"),
    ),
    ("http", {"replies": [{"from": "13812345678", "text": "a\nb"}]}, Inbound("13812345678", "a b")),
]


@pytest.mark.parametrize(("carrier", "document", "expected"), SAMPLES)
def test_a_reply_is_read_as_its_carrier_documents_it(carrier: str, document: Any, expected: Inbound) -> None:
    assert heard(carrier, document) == [expected]


def test_the_same_message_has_one_name_and_others_have_others() -> None:
    replies = [expected.name(carrier) for carrier, _, expected in SAMPLES]
    assert replies[0] == replies[1] == Inbound("x", "y", id=SAMPLES[0][2].id).name("aliyun")
    later = Inbound("+8613812345678", "退订", datetime(2016, 3, 7, 9, tzinfo=UTC)).name("tencent")
    assert len({*replies, later}) == 6


def test_one_push_holds_reports_and_replies() -> None:
    report = {"biz_id": "1^0", "phone_number": "13800138000", "success": True}
    body = json.dumps([report, SMS_UP, {"template_status": "approved", "template_code": "SMS_1"}]).encode()
    assert [one.ref for one in of("aliyun").read(body)] == ["1^0/13800138000"]
    assert len(of("aliyun").inbound(body)) == 1
    body = json.dumps({"receipts": [{"id": "m-1", "status": "delivered"}], "replies": [GATEWAY]}).encode()
    assert [len(of("http").read(body)), len(of("http").inbound(body))] == [1, 1]


@pytest.mark.parametrize("carrier", ["aliyun", "http"])
def test_one_bad_row_harms_itself(carrier: str) -> None:
    good = SMS_UP if carrier == "aliyun" else GATEWAY
    name = "phone_number" if carrier == "aliyun" else "from"
    text = "content" if carrier == "aliyun" else "text"
    values: list[Any] = ["", None, [], "\x00", "9" * 40]
    bad: list[dict[str, Any]] = [{**good, name: value} for value in values] + [{**good, text: ["R"]}]

    def body(rows: list[dict[str, Any]]) -> bytes:
        return json.dumps(rows if carrier == "aliyun" else {"replies": rows}).encode()

    assert len(of(carrier).inbound(body([*bad, good]))) == 1
    for one in bad:
        with pytest.raises(BadInput, match="expected"):
            of(carrier).inbound(body([one]))


def test_one_bad_report_harms_itself() -> None:
    rows = [{"sid": "", "report_status": "SUCCESS"}, {"sid": "5:1", "report_status": "SUCCESS"}]
    assert of("tencent").read(json.dumps(rows).encode()) == [Report("5:1", "delivered")]


@pytest.mark.parametrize(
    "document",
    [
        FORM | {"From": "whatsapp:+14155559876"},
        {"MessageSid": "SM1", "MessageStatus": "delivered", "SmsStatus": "delivered"},
    ],
)
def test_what_is_no_sms_to_us_is_no_reply(document: dict[str, str]) -> None:
    assert of("twilio").inbound(urlencode(document).encode()) == []


@pytest.mark.parametrize("time", [None, "1457336869", True, 1e9, -(10**30), 10**30])
def test_a_time_that_is_none_is_now(time: Any) -> None:
    assert heard("tencent", CALLBACK | {"time": time})[0].at is None


REPORTS: list[tuple[str, Any, str]] = [
    ("aliyun", {"err_code": "USER_REJECT"}, "opted_out:USER_REJECT"),
    ("aliyun", {"err_code": "MOBILE_IN_BLACK"}, "opted_out:MOBILE_IN_BLACK"),
    ("aliyun", {"err_code": "W-BLACK"}, "blocked_number:W-BLACK"),
    ("aliyun", {"err_code": "MK:0012"}, "MK:0012"),
    ("aliyun", {"err_code": "MX:0002"}, "MX:0002"),
    ("tencent", {"errmsg": "MX:0012"}, "opted_out:MX:0012"),
    ("tencent", {"errmsg": "TD: 0001"}, "blocked_number:TD: 0001"),
    ("tencent", {"errmsg": "BWLIST _006"}, "blocked_number:BWLIST _006"),
    ("tencent", {"errmsg": "69"}, "blocked_number:69"),
    ("tencent", {"errmsg": "UNDELIV"}, "UNDELIV"),
    ("twilio", {"ErrorCode": "21610"}, "opted_out:21610"),
    ("twilio", {"ErrorCode": "30003"}, "30003"),
    ("http", {"code": "SC:0016"}, "opted_out:SC:0016"),
    ("http", {"code": "opted_out"}, "opted_out"),
    ("http", {"code": "69"}, "69"),
]
FAILED: dict[str, dict[str, Any]] = {
    "aliyun": {"biz_id": "1^0", "phone_number": "13800138000", "success": False},
    "tencent": {"sid": "5:1", "report_status": "FAIL"},
    "twilio": {"MessageSid": "SM1", "MessageStatus": "undelivered"},
    "http": {"id": "m-1", "status": "failed"},
}


@pytest.mark.parametrize(("carrier", "row", "expected"), REPORTS)
def test_a_report_names_who_refuses_marketing(carrier: str, row: Any, expected: str) -> None:
    document = FAILED[carrier] | row
    rows = {"receipts": [document]} if carrier == "http" else [document]
    body = urlencode(document) if carrier == "twilio" else json.dumps(rows)
    assert [one.reason for one in of(carrier).read(body.encode())] == [expected]


def test_codes_of_reports_are_no_codes_of_other_things() -> None:
    tables = (receipt_codes.ALIYUN, receipt_codes.TENCENT, receipt_codes.TWILIO, receipt_codes.GATEWAY)
    assert {kind for table in tables for kind in table.values()} == set(receipt_codes.REFUSING)
    numbers = {code for code in receipt_codes.MAINLAND if code.isdigit()}
    assert not numbers
    assert all(KINDS[kind].status == "rejected" for kind in receipt_codes.REFUSING)


CALLS: list[tuple[Any, str, str]] = [
    (ALIYUN, "isv.CUSTOMER_REFUSED", "opted_out"),
    (ALIYUN, "isv.BLACK_KEY_CONTROL_LIMIT", "bad_value"),
    (ALIYUN, "isv.INVALID_JSON_PARAM", "bad_value"),
    (ALIYUN, "isv.SMS_SIGNATURE_SCENE_ILLEGAL", "carrier_signature"),
    (ALIYUN, "PORT_NOT_REGISTERED", "carrier_signature"),
    (ALIYUN, "isv.EXTEND_CODE_ERROR", "carrier_signature"),
    (ALIYUN, "isv.CODE_EXCEED_LIMIT", "carrier_signature"),
    (ALIYUN, "isv.SMS_CONTENT_MISMATCH_TEMPLATE_TYPE", "carrier_template"),
    (ALIYUN, "isv.UNSUPPORTED_CONTENT", "carrier_template"),
    (TENCENT, "FailedOperation.PhoneNumberInBlacklist", "blocked_number"),
    (TENCENT, "LimitExceeded.PhoneNumberDailyLimit", "number_limit"),
    (TENCENT, "LimitExceeded.PhoneNumberCountLimit", "carrier_refused"),
    (TENCENT, "UnauthorizedOperation.ServiceSuspendDueToArrears", "carrier_balance"),
    (TENCENT, "ResourceInsufficient", "carrier_balance"),
    (TENCENT, "InternalError.RequestTimeException", "carrier_login"),
    (TENCENT, "InternalError.SigVerificationFail", "carrier_login"),
    (TENCENT, "InternalError.SigFieldMissing", "carrier_login"),
    (TENCENT, "InternalError.Timeout", "carrier_failed"),
    (TENCENT, "InvalidParameterValue.SdkAppIdNotExist", "carrier_login"),
    (TENCENT, "FailedOperation.TemplateUnapprovedOrNotExist", "carrier_template"),
    (TENCENT, "FailedOperation.MarketingSendTimeConstraint", "carrier_hours"),
]


@pytest.mark.parametrize(("table", "code", "expected"), CALLS)
def test_a_code_means_what_the_carrier_documents(table: Any, code: str, expected: str) -> None:
    assert kind_of(code, table, "") == expected
    about_us = expected.startswith("carrier_") and expected != "carrier_failed"
    assert not about_us or KINDS[expected].status == "unavailable"


@pytest.mark.parametrize(("hour", "wait"), [(23, 9), (7, 1), (0, 8), (8, 24)])
def test_marketing_waits_until_the_morning_of_the_mainland(hour: int, wait: int) -> None:
    assert _until_morning(datetime(2026, 11, 15, hour, tzinfo=CHINA)) == timedelta(hours=wait).total_seconds()
