"""The desks of carriers that approve texts: what is handed in, and how their answers are read."""

import json
import socket
import time
from typing import Any

import pytest
import responses

from crm_plugin.channels.registry import CARRIERS
from crm_plugin.channels.sms.carriers import aliyun, aliyun_templates, tencent
from crm_plugin.channels.sms.carriers.aliyun import AliyunCarrier
from crm_plugin.channels.sms.carriers.outcomes import Refusal
from crm_plugin.channels.sms.carriers.template_submission import Filing, Verdict
from crm_plugin.channels.sms.carriers.tencent import TencentCarrier
from crm_plugin.channels.sms.carriers.tencent_templates import numbered
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput
from tests.channels.sms.carriers.world import line
from tests.fakes.sms import FakeAliyun, FakeTencent

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
TEXT = "${display_name}，《${course_title}》开课了 拒收请回复R"
FILING = Filing("开课", TEXT, True, "网校", "给学员的开课通知")


@pytest.mark.parametrize("name", ["aliyun", "tencent"])
def test_a_text_goes_in_and_its_answer_comes_back(database: Database, name: str) -> None:
    with line(name, database) as found:
        assert isinstance(found.carrier, AliyunCarrier | TencentCarrier)
        assert isinstance(found.gateway, FakeAliyun | FakeTencent)
        text_review, verdicts = found.carrier.text_review, found.gateway.verdicts
        code, other = text_review.file(FILING), text_review.file(FILING)
        assert isinstance(code, str)
        assert isinstance(other, str)
        assert list(found.gateway.filed) == [code, other]
        assert text_review.verdicts([code]) == [Verdict(code, "submitted")]
        good: Any = ("1", "fine") if name == "aliyun" else (0, "fine")
        bad: Any = ("2", "请勿营销") if name == "aliyun" else (-1, "请勿营销")
        verdicts[code], verdicts[other] = good, bad
        assert text_review.verdicts([code, other]) == [
            Verdict(code, "approved"),
            Verdict(other, "rejected", "请勿营销"),
        ]


@pytest.mark.parametrize("name", ["aliyun", "tencent"])
def test_a_carrier_that_hangs_holds_a_page_up_for_its_time_only(
    database: Database, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for module in (aliyun, tencent):
        monkeypatch.setattr(module, "REVIEW_SECONDS", 0.4)
    with socket.create_server(("127.0.0.1", 0)) as silent, line(name, database) as found:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        setattr(found.crm.settings, f"sms_{name}_url", url)
        carrier = CARRIERS[name](found.crm)
        assert isinstance(carrier, AliyunCarrier | TencentCarrier)
        began = time.monotonic()
        assert carrier.text_review.file(FILING) == Refusal("carrier_timeout")
        assert carrier.text_review.verdicts(["1"]) == Refusal("carrier_timeout")
        assert time.monotonic() - began < 2
        carrier.close()


def test_what_aliyun_gets(database: Database) -> None:
    with line("aliyun", database) as found:
        assert isinstance(found.carrier, AliyunCarrier)
        assert isinstance(found.gateway, FakeAliyun)
        code = found.carrier.text_review.file(Filing("x" * 40, TEXT, True, "网校", "y" * 200))
        sent = found.gateway.filed[str(code)]
        assert sent.pop("TemplateRule") == json.dumps({"display_name": "name", "course_title": "others"})
        assert sent == {
            "TemplateName": "x" * 30,
            "TemplateContent": TEXT,
            "TemplateType": "2",
            "RelatedSignName": "网校",
            "Remark": "y" * 100,
        }
        plain = found.carrier.text_review.file(Filing("n", "欢迎", False, "网校", "r"))
        assert found.gateway.filed[str(plain)]["TemplateType"] == "1"
        assert found.carrier.text_review.file(Filing("n", "【x】", False, "网校", "r")) == Refusal(
            "carrier_template", "isv.SMS_CONTENT_ILLEGAL"
        )
        assert found.carrier.text_review.file(Filing("n", "x", False, "别人", "r")) == Refusal(
            "carrier_signature", "isv.SMS_SIGNATURE_ILLEGAL"
        )
        answer = found.carrier.text_review.verdicts(["SMS_1", str(plain)])
        assert answer == [Verdict(str(plain), "submitted")], "one that is gone stops nobody"
        found.gateway.next = (200, {"Code": "isv.ACCOUNT_ABNORMAL"})
        assert found.carrier.text_review.verdicts([str(plain)]) == Refusal(
            "carrier_login", "isv.ACCOUNT_ABNORMAL"
        )


def test_an_approved_text_sends_at_once(database: Database) -> None:
    with line("aliyun", database) as found:
        assert isinstance(found.carrier, AliyunCarrier)
        assert isinstance(found.gateway, FakeAliyun)
        code = str(found.carrier.text_review.file(FILING))
        values = {"display_name": "小明", "course_title": "微积分"}
        message = found.message(1, template=code, params=values)
        (before,) = found.carrier.submit([message], lambda: True)
        found.gateway.verdicts[code] = ("1", "")
        (after,) = found.carrier.submit([message], lambda: True)
        assert (before.reason, after.status) == ("carrier_template:isv.SMS_TEMPLATE_ILLEGAL", "accepted")


def test_numbers_have_their_limit_and_others_still_get_theirs(database: Database) -> None:
    with line("aliyun", database) as found:
        assert isinstance(found.gateway, FakeAliyun)
        found.gateway.per_day = 1
        found.carrier.submit([found.message(1)], lambda: True)
        receipts = found.carrier.submit([found.message(n) for n in (1, 2, 3)], lambda: True)
        assert [receipt.status for receipt in receipts] == ["unavailable", "accepted", "accepted"]
        assert receipts[0].reason == "number_limit:isv.BUSINESS_LIMIT_CONTROL"


def test_a_signature_of_the_templates_own_is_sent(database: Database) -> None:
    for name in ("aliyun", "tencent"):
        with line(name, database) as found:
            (mine, theirs) = found.carrier.submit(
                [found.message(1), found.message(2, signature="别人", params={"name": "学员1"})], lambda: True
            )
            if name == "tencent":
                assert (mine.status, theirs.reason) == (
                    "accepted",
                    "carrier_signature:FailedOperation.SignatureIncorrectOrUnapproved",
                )
            else:
                assert str(theirs.reason).startswith("carrier_signature")


def test_what_tencent_gets(database: Database) -> None:
    assert numbered("${a} ${b} ${a}") == "{1} {2} {1}"
    with line("tencent", database) as found:
        assert isinstance(found.carrier, TencentCarrier)
        assert isinstance(found.gateway, FakeTencent)
        code = str(found.carrier.text_review.file(FILING))
        assert found.gateway.filed[code] == {
            "TemplateName": "开课",
            "TemplateContent": "{1}，《{2}》开课了 拒收请回复R",
            "SmsType": 1,
            "International": 0,
            "Remark": "给学员的开课通知",
        }
        assert found.carrier.text_review.verdicts(["SMS_1", code]) == [Verdict(code, "submitted")]
        assert found.carrier.text_review.verdicts(["SMS_1"]) == []


@pytest.mark.parametrize("name", ["aliyun", "tencent"])
@pytest.mark.parametrize(
    "document",
    [
        {},
        {"Code": "OK"},
        {"Code": "OK", "TemplateCode": 7},
        {"Response": {}},
        {"Response": {"AddTemplateStatus": 1}},
    ],
)
def test_an_answer_that_makes_no_sense_is_in_doubt(
    database: Database, name: str, document: dict[str, Any]
) -> None:
    with line(name, database) as found, responses.RequestsMock() as web:
        assert isinstance(found.carrier, AliyunCarrier | TencentCarrier)
        web.add("POST", f"{found.gateway.url}/", json=document)
        answer = found.carrier.text_review.file(FILING)
    assert isinstance(answer, Refusal)
    assert answer.kind == "carrier_garbage"


PUSH = {
    "template_type": "推广短信",
    "reason": "test",
    "template_name": "n",
    "orderId": "205101",
    "template_content": "x",
    "template_status": "rejected",
    "remark": "test",
    "template_code": "SMS_9",
    "create_date": "2019-05-30 19:58:25",
}


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("approving", Verdict("SMS_9", "submitted")),
        ("approved", Verdict("SMS_9", "approved")),
        ("rejected", Verdict("SMS_9", "rejected", "test")),
    ],
)
def test_the_push_of_aliyun_is_read(db_kind: str, status: str, verdict: Verdict) -> None:
    body = json.dumps([{**PUSH, "template_status": status}]).encode()
    assert aliyun_templates.pushed(body) == [verdict]
    assert AliyunCarrier.push.read(body) == []
    assert aliyun_templates.pushed(b"[]") == []


@pytest.mark.parametrize(
    "change",
    [
        {"template_status": "maybe"},
        {"template_status": None},
        {"template_status": ["approved"]},
        {"template_code": "x" * 65},
    ],
)
def test_a_push_that_is_odd_is_refused(db_kind: str, change: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        aliyun_templates.pushed(json.dumps([{**PUSH, **change}]).encode())
