"""The carrier Aliyun (Alibaba Cloud SMS, dysmsapi 2017-05-25), signed by ACS3-HMAC-SHA256.

``SendBatchSms`` takes a hundred numbers with values of their own, all or none of them; one call has one
BizId, so that a message's reference is BizId and number. Nothing is idempotent there.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from crm_plugin.channels.base import Message, Receipt
from crm_plugin.channels.carrier_capabilities import Capabilities, needed
from crm_plugin.channels.sms.carriers import outcomes
from crm_plugin.channels.sms.carriers.aliyun_templates import AliyunReview, pushed
from crm_plugin.channels.sms.carriers.http_call import (
    CALL_SECONDS,
    REVIEW_SECONDS,
    Answer,
    InDoubt,
    NotSent,
    Wire,
    web_address,
)
from crm_plugin.channels.sms.carriers.outcomes import Refusal, Round
from crm_plugin.channels.sms.carriers.pushes import (
    CHINA,
    Inbound,
    Push,
    Report,
    each,
    has_secret,
    local_time,
    reference,
    rows_of,
    word,
    words,
)
from crm_plugin.channels.sms.carriers.receipt_codes import ALIYUN, reason_of
from crm_plugin.host.context import Crm

VERSION = "2017-05-25"
_FORM = "application/x-www-form-urlencoded"

_KINDS = {
    "isv.MOBILE_NUMBER_ILLEGAL": "bad_number",
    "isv.DOMESTIC_NUMBER_NOT_SUPPORTED": "bad_number",
    "isv.CUSTOMER_REFUSED": "opted_out",
    # A forbidden word in a value, by later accounts a number on a list: of the row, and no opt-out.
    "isv.BLACK_KEY_CONTROL_LIMIT": "bad_value",
    "isv.INVALID_JSON_PARAM": "bad_value",
    "isv.PARAM_LENGTH_LIMIT": "bad_value",
    "isv.PARAM_NOT_SUPPORT_URL": "bad_value",
    "isv.TEMPLATE_PARAMS_ILLEGAL": "bad_value",
    "isv.BUSINESS_LIMIT_CONTROL": "number_limit",
    "isv.DAY_LIMIT_CONTROL": "carrier_limit",
    "isv.MONTH_LIMIT_CONTROL": "carrier_limit",
    "isv.AMOUNT_NOT_ENOUGH": "carrier_balance",
    "isv.OUT_OF_SERVICE": "carrier_balance",
    "isv.ACCOUNT": "carrier_login",
    "isv.PRODUCT_UN": "carrier_login",
    "isv.DENY_IP_RANGE": "carrier_login",
    "isp.RAM_PERMISSION_DENY": "carrier_login",
    "isv.SMS_TEMPLATE": "carrier_template",
    "isv.TEMPLATE_MISSING_PARAMETERS": "carrier_template",
    "isv.SMS_CONTENT": "carrier_template",
    "isv.UNSUPPORTED_CONTENT": "carrier_template",
    "isv.SMS_SIGN": "carrier_signature",
    "isv.SIGN_": "carrier_signature",
    "isv.EXTEND_CODE_ERROR": "carrier_signature",
    "isv.ONE_CODE_MULTIPLE_SIGN": "carrier_signature",
    "isv.CODE_": "carrier_signature",
    "PORT_NOT_REGISTERED": "carrier_signature",
    "isv.PORT_NOT_REGISTERED": "carrier_signature",
    "isv.": "carrier_refused",
    "isp.": "carrier_failed",
    "InvalidAccessKeyId": "carrier_login",
    "SignatureDoesNotMatch": "carrier_login",
    "SignatureNonceUsed": "carrier_login",
    "InvalidTimeStamp": "carrier_login",
    "IncompleteSignature": "carrier_login",
    "Forbidden": "carrier_login",
    "Throttling": "carrier_throttled",
}
"""Code, or how it begins → what it means (error codes of the API reference for messages of the mainland)."""


def signed(
    key: tuple[str, str], url: str, headers: Mapping[str, str], body: bytes, *, query: Mapping[str, str]
) -> dict[str, str]:
    """Return ``headers`` with host, hash of the body and signature (request signature V3 of Alibaba Cloud).

    :param key: AccessKey id and secret.
    :param headers: ``x-acs-action``, ``x-acs-version``, ``x-acs-date``, ``x-acs-signature-nonce``, and
        ``content-type`` where there is a body.
    """
    digest = hashlib.sha256(body).hexdigest()
    every = {**headers, "host": urlsplit(url).netloc, "x-acs-content-sha256": digest}
    names = ";".join(sorted(every))
    lines = "".join(f"{name}:{every[name].strip()}\n" for name in sorted(every))
    request = "\n".join(["POST", "/", canonical(query), lines, names, digest])
    text = f"ACS3-HMAC-SHA256\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.new(key[1].encode(), text.encode(), hashlib.sha256).hexdigest()
    proof = f"ACS3-HMAC-SHA256 Credential={key[0]},SignedHeaders={names},Signature={signature}"
    return {**every, "Authorization": proof}


def canonical(query: Mapping[str, str]) -> str:
    """Return a query string as it is signed and sent: sorted, percent-encoded by RFC 3986."""
    return urlencode(sorted(query.items()), quote_via=quote, safe="-_.~")


def bare(number: str) -> str:
    """Return a number as this carrier writes it: without a plus, of the mainland without its country code."""
    digits = number.lstrip("+").removeprefix("00")
    return digits[2:] if len(digits) == 13 and digits.startswith("861") else digits


def full(number: str) -> str:
    """Return a number as E.164, which this carrier writes without a plus and at home without a country."""
    digits = bare(number)
    return f"+86{digits}" if len(digits) == 11 and digits.startswith("1") else f"+{digits}"


def _read(body: bytes) -> list[Report]:
    # Answers about templates and replies may come to the same address.
    rows = rows_of(body)
    return each((row for row in rows if "template_status" not in row and not _is_reply(row)), _report)


def _inbound(body: bytes) -> list[Inbound]:
    return each((row for row in rows_of(body) if _is_reply(row)), _reply)


def _is_reply(row: Mapping[str, Any]) -> bool:
    return "content" in row and "biz_id" not in row and "template_status" not in row


def _reply(row: Mapping[str, Any]) -> Inbound:
    number = word(row, "phone_number", 24)
    ident = f"{word(row, 'sequence_id')}/{number}" if row.get("sequence_id") is not None else ""
    return Inbound(full(number), words(row, "content"), local_time(row.get("send_time")), ident)


def _report(row: Mapping[str, Any]) -> Report:
    ref = f"{word(row, 'biz_id', 100)}/{bare(word(row, 'phone_number', 24))}"
    at = local_time(row.get("report_time"))
    if row.get("success") is True:
        return Report(ref, "delivered", at=at)
    return Report(ref, "failed_permanent", reason_of(word(row, "err_code", 64), ALIYUN), at)


class AliyunCarrier:
    """Sends by Alibaba Cloud's SMS service."""

    name = "aliyun"
    capabilities = Capabilities(
        batch=100,
        link_mode="per_campaign",
        receipts=("push", "pull"),
        needs_template=True,
        needs_signature=True,
        longest_value=35,
        longest_text=500,
        apart=True,
        once=True,
        brackets=False,
    )
    batch = in_flight = capabilities.batch
    idempotent = capabilities.idempotent
    call_seconds = CALL_SECONDS
    push = Push(has_secret, _read, _inbound, b'{"code": 0, "msg": "OK"}', pushed)

    def __init__(self, crm: Crm) -> None:
        key, secret, signature, url = needed(
            crm.settings, "sms_aliyun_key_id", "sms_aliyun_key_secret", "sms_signature", "sms_aliyun_url"
        )
        self._key = (key, secret)
        self._signature = signature
        self._url = web_address("sms_aliyun_url", url)
        self._clock = crm.clock
        self._wire, self._review_wire = Wire(), Wire(REVIEW_SECONDS)
        self.text_review = AliyunReview(partial(self._post_by, self._review_wire))

    def submit(self, messages: Sequence[Message], may_call: Callable[[], bool]) -> list[Receipt]:
        """Hand messages over in calls of ``batch``."""
        refused = {one.key: refusal for one in messages if (refusal := _flaw(one)) is not None}
        good = [message for message in messages if message.key not in refused]
        groups = outcomes.grouped(good, lambda message: message.template, self.batch)
        return outcomes.submit(messages, groups, Round(may_call, self._send), refused)

    def probe(self) -> Refusal | None:
        """Ask for the first line of the templates, which sends nothing: None = it answers and knows us."""
        found = self._post("QuerySmsTemplateList", {"PageIndex": "1", "PageSize": "1"}, {})
        return found if isinstance(found, Refusal) else None

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()
        self._review_wire.close()

    def ask(self, ref: str, sent_at: datetime) -> Report | None:
        """Ask what became of a message; None while nobody knows (QuerySendDetails, one number a call).

        :param ref: as in the receipt of its submission.
        """
        ident, _, number = ref.rpartition("/")
        day = sent_at.astimezone(CHINA)
        # Around midnight their day may be the next one.
        for date in sorted({day.date(), (day + timedelta(seconds=60)).date()}):
            query = {"PhoneNumber": number, "BizId": ident, "SendDate": f"{date:%Y%m%d}"}
            found = self._post("QuerySendDetails", {**query, "PageSize": "10", "CurrentPage": "1"}, {})
            if isinstance(found, dict) and (report := _detail(ref, found)) is not None:
                return report
        return None

    def _send(self, messages: Sequence[Message]) -> list[Receipt] | Refusal:
        numbers = [bare(message.address) for message in messages]
        form = {
            "PhoneNumberJson": json.dumps(numbers),
            "SignNameJson": json.dumps(
                [one.signature or self._signature for one in messages], ensure_ascii=False
            ),
            "TemplateParamJson": json.dumps([one.params for one in messages], ensure_ascii=False),
        }
        found = self._post("SendBatchSms", {"TemplateCode": messages[0].template or ""}, form)
        if isinstance(found, Refusal):
            return found
        ident = reference(found.get("BizId"), 100)
        if ident is None:
            return Refusal("carrier_garbage")
        pairs = zip(messages, numbers, strict=True)
        return [Receipt(one.key, "accepted", ref=f"{ident}/{number}") for one, number in pairs]

    def _post(
        self, action: str, query: Mapping[str, str], form: Mapping[str, str]
    ) -> dict[str, Any] | Refusal:
        return self._post_by(self._wire, action, query, form)

    def _post_by(
        self, wire: Wire, action: str, query: Mapping[str, str], form: Mapping[str, str]
    ) -> dict[str, Any] | Refusal:
        body = canonical(form).encode()
        headers = {
            "x-acs-action": action,
            "x-acs-version": VERSION,
            "x-acs-date": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "x-acs-signature-nonce": secrets.token_hex(16),
            **({"content-type": _FORM} if form else {}),
        }
        proof = signed(self._key, self._url, headers, body, query=query)
        try:
            answer = wire.post(f"{self._url}/?{canonical(query)}", body, proof)
        except NotSent:
            return Refusal("carrier_unreachable")
        except InDoubt as doubt:
            return Refusal(f"carrier_{doubt.args[0]}")
        return self._judge(answer)

    def _judge(self, answer: Answer) -> dict[str, Any] | Refusal:
        document = answer.document()
        code = document.get("Code") if isinstance(document, dict) else None
        if not isinstance(code, str):
            return Refusal("carrier_garbage", str(answer.status))
        if code == "OK":
            return document if answer.status == 200 else Refusal("carrier_garbage", code)
        kind = outcomes.kind_of(code, _KINDS, "carrier_refused" if answer.status < 500 else "carrier_failed")
        if answer.status >= 500 and kind != "carrier_throttled":
            kind = "carrier_failed"
        return Refusal(kind, code, answer.retry_after(self._clock()))


def _flaw(message: Message) -> Refusal | None:
    if not message.template:
        return Refusal("carrier_template", "no_code")
    longest = AliyunCarrier.capabilities.longest_value or 0
    # They refuse the whole call for one such value.
    if any(not 0 < len(value) <= longest for value in message.params.values()):
        return Refusal("bad_value", "length")
    return None


def _detail(ref: str, found: Mapping[str, Any]) -> Report | None:
    """Read one message's details: status 1 waits for its report, 2 failed, 3 arrived."""
    rows = found.get("SmsSendDetailDTOs")
    rows = rows.get("SmsSendDetailDTO") if isinstance(rows, dict) else None
    for row in rows if isinstance(rows, list) else []:
        if not isinstance(row, dict) or bare(str(row.get("PhoneNum"))) != ref.rpartition("/")[2]:
            continue
        at = local_time(row.get("ReceiveDate"))
        if row.get("SendStatus") == 3:
            return Report(ref, "delivered", at=at)
        if row.get("SendStatus") == 2:
            code = reference(str(row.get("ErrCode") or "")[:64])
            return Report(ref, "failed_permanent", reason_of(code, ALIYUN), at)
    return None
