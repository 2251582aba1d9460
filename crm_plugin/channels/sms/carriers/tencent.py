"""The carrier Tencent Cloud (sms 2021-01-11), signed by TC3-HMAC-SHA256.

One call takes many numbers but one list of values, all numbers of the mainland or none: people with the
same values share a call. Values are positional: ``{1}`` is the first placeholder of our template.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from crm_plugin.channels.base import Message, Receipt
from crm_plugin.channels.carrier_capabilities import Capabilities, needed
from crm_plugin.channels.sms.carriers import outcomes
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
    unix_time,
    word,
    words,
)
from crm_plugin.channels.sms.carriers.receipt_codes import TENCENT, reason_of
from crm_plugin.channels.sms.carriers.tencent_templates import TencentReview
from crm_plugin.host.context import Crm

VERSION = "2021-01-11"
_MORNING = 8
"""Hour from which this carrier takes marketing; it takes none after 22:00."""
_JSON = "application/json; charset=utf-8"

_KINDS = {
    "InvalidParameterValue.IncorrectPhoneNumber": "bad_number",
    "UnsupportedOperation.UnsupportedRegion": "bad_number",
    "FailedOperation.PhoneNumberInBlacklist": "blocked_number",
    "FailedOperation.ContainSensitiveWord": "bad_value",
    "InvalidParameterValue.ContentLengthLimit": "bad_value",
    "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter": "bad_value",
    "InvalidParameterValue.TemplateParameter": "bad_value",
    "LimitExceeded.PhoneNumber": "number_limit",
    "LimitExceeded.PhoneNumberCountLimit": "carrier_refused",
    "LimitExceeded.DeliveryFrequencyLimit": "number_limit",
    "LimitExceeded": "carrier_limit",
    "RequestLimitExceeded": "carrier_throttled",
    "FailedOperation.InsufficientBalanceInSmsPackage": "carrier_balance",
    "UnauthorizedOperation.SerivceSuspendDueToArrears": "carrier_balance",
    "UnauthorizedOperation.ServiceSuspendDueToArrears": "carrier_balance",
    "ResourceInsufficient": "carrier_balance",
    "UnauthorizedOperation": "carrier_login",
    "AuthFailure": "carrier_login",
    "InvalidParameterValue.SdkAppIdNotExist": "carrier_login",
    "InternalError.RequestTimeException": "carrier_login",
    "InternalError.SigVerificationFail": "carrier_login",
    "InternalError.SigFieldMissing": "carrier_login",
    "FailedOperation.MarketingSendTimeConstraint": "carrier_hours",
    "FailedOperation.TemplateIncorrectOrUnapproved": "carrier_template",
    "FailedOperation.TemplateUnapprovedOrNotExist": "carrier_template",
    "FailedOperation.TemplateParamSetNotMatchApprovedTemplate": "carrier_template",
    "FailedOperation.TemplateIdNotExist": "carrier_template",
    "FailedOperation.SignatureIncorrectOrUnapproved": "carrier_signature",
    "FailedOperation.MissingSignature": "carrier_signature",
    "InternalError": "carrier_failed",
}
"""Code, or how it begins → what it means (error codes of the API reference)."""


def signed(
    key: tuple[str, str], service: str, headers: Mapping[str, str], body: bytes, at: int
) -> dict[str, str]:
    """Return ``headers`` with the signature (signature V3 of Tencent Cloud); all of them are signed.

    :param key: SecretId and SecretKey.
    :param headers: in lower case, ``content-type`` and ``host`` among them.
    :param at: seconds since 1970.
    """
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name].strip().lower()}\n" for name in sorted(headers))
    request = "\n".join(["POST", "/", "", lines, names, hashlib.sha256(body).hexdigest()])
    day = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"
    scope = f"{day}/{service}/tc3_request"
    text = f"TC3-HMAC-SHA256\n{at}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    secret = b"TC3" + key[1].encode()
    for part in (day, service, "tc3_request"):
        secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
    proof = f"TC3-HMAC-SHA256 Credential={key[0]}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**headers, "Authorization": proof}


def _read(body: bytes) -> list[Report]:
    return each((row for row in rows_of(body, lone=True) if not _is_reply(row)), _report)


def _report(row: Mapping[str, Any]) -> Report:
    at = local_time(row.get("user_receive_time"))
    if word(row, "report_status") == "SUCCESS":
        return Report(word(row, "sid"), "delivered", at=at)
    return Report(word(row, "sid"), "failed_permanent", reason_of(word(row, "errmsg", 64), TENCENT), at)


def _inbound(body: bytes) -> list[Inbound]:
    return each((row for row in rows_of(body, lone=True) if _is_reply(row)), _reply)


def _is_reply(row: Mapping[str, Any]) -> bool:
    return "text" in row and "sid" not in row


def _reply(row: Mapping[str, Any]) -> Inbound:
    number = f"+{word(row, 'nationcode', 4)}{word(row, 'mobile', 20)}"
    return Inbound(number, words(row, "text"), unix_time(row.get("time")))


class TencentCarrier:
    """Sends by Tencent Cloud's SMS service."""

    name = "tencent"
    # They take 200 numbers; with a hundred no more rows are in doubt after a crash than elsewhere.
    capabilities = Capabilities(
        batch=100,
        own_params=False,
        link_mode="per_campaign",
        receipts=("push",),
        needs_template=True,
        needs_signature=True,
        longest_text=500,
        apart=True,
        brackets=False,
    )
    batch = in_flight = capabilities.batch
    idempotent = capabilities.idempotent
    call_seconds = CALL_SECONDS
    push = Push(has_secret, _read, _inbound, b'{"result": 0, "errmsg": "OK"}')

    def __init__(self, crm: Crm) -> None:
        settings = crm.settings
        key, secret, self._app = needed(
            settings, "sms_tencent_secret_id", "sms_tencent_secret_key", "sms_tencent_app_id"
        )
        self._signature, self._region, url = needed(
            settings, "sms_signature", "sms_tencent_region", "sms_tencent_url"
        )
        self._key = (key, secret)
        self._url = web_address("sms_tencent_url", url)
        self._wire, self._review_wire = Wire(), Wire(REVIEW_SECONDS)
        self.text_review = TencentReview(partial(self._post_by, self._review_wire))

    def submit(self, messages: Sequence[Message], may_call: Callable[[], bool]) -> list[Receipt]:
        """Hand messages over, those with the same values in one call."""
        missing = Refusal("carrier_template", "no_code")
        refused = {message.key: missing for message in messages if not message.template}
        good = [message for message in messages if message.template]
        groups = outcomes.grouped(good, _alike, self.batch)
        return outcomes.submit(messages, groups, Round(may_call, self._send), refused)

    def probe(self) -> Refusal | None:
        """Ask for the first line of the templates, which sends nothing: None = it answers and knows us."""
        found = self._post("DescribeSmsTemplateList", {"International": 0, "Limit": 1, "Offset": 0})
        return found if isinstance(found, Refusal) else None

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()
        self._review_wire.close()

    def _send(self, messages: Sequence[Message]) -> list[Receipt] | Refusal:
        document = {
            "PhoneNumberSet": [message.address for message in messages],
            "SmsSdkAppId": self._app,
            "TemplateId": messages[0].template,
            "SignName": messages[0].signature or self._signature,
            "TemplateParamSet": list(messages[0].params.values()),
        }
        found = self._post("SendSms", document)
        if isinstance(found, Refusal):
            return found
        rows = found.get("SendStatusSet")
        return _receipts(messages, rows if isinstance(rows, list) else [])

    def _post(self, action: str, document: Mapping[str, Any]) -> dict[str, Any] | Refusal:
        return self._post_by(self._wire, action, document)

    def _post_by(self, wire: Wire, action: str, document: Mapping[str, Any]) -> dict[str, Any] | Refusal:
        body = json.dumps(document, ensure_ascii=False).encode()
        at = int(datetime.now(UTC).timestamp())
        headers = {"content-type": _JSON, "host": urlsplit(self._url).netloc, "x-tc-action": action}
        proof = signed(self._key, "sms", headers, body, at)
        rest = {"X-TC-Version": VERSION, "X-TC-Timestamp": str(at), "X-TC-Region": self._region}
        try:
            answer = wire.post(f"{self._url}/", body, {**proof, **rest})
        except NotSent:
            return Refusal("carrier_unreachable")
        except InDoubt as doubt:
            return Refusal(f"carrier_{doubt.args[0]}")
        return _judge(answer)


def _judge(answer: Answer) -> dict[str, Any] | Refusal:
    document = answer.document()
    found = document.get("Response") if isinstance(document, dict) else None
    if not isinstance(found, dict) or answer.status != 200:
        return Refusal("carrier_garbage", str(answer.status))
    error = found.get("Error")
    if isinstance(error, dict) and isinstance(error.get("Code"), str):
        return _refusal(error["Code"])
    return found


def _alike(message: Message) -> object:
    values = tuple(message.params.values())
    return message.template, message.signature, values, message.address.startswith("+86")


def _refusal(code: str) -> Refusal:
    kind = outcomes.kind_of(code, _KINDS, "carrier_refused")
    return Refusal(kind, code, _until_morning(datetime.now(CHINA)) if kind == "carrier_hours" else None)


def _until_morning(now: datetime) -> float:
    """Return the seconds until marketing may be sent again on the mainland."""
    begin = now.replace(hour=_MORNING, minute=0, second=0, microsecond=0)
    begin += timedelta(days=1) if begin <= now else timedelta()
    return (begin - now).total_seconds()


def _receipts(messages: Sequence[Message], rows: list[Any]) -> list[Receipt]:
    """Match the statuses by number; a number without exactly one is in doubt."""
    by_number: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if isinstance(row, dict):
            by_number.setdefault(str(row.get("PhoneNumber")), []).append(row)
    return [_receipt(message, by_number.get(message.address, [])) for message in messages]


def _receipt(message: Message, rows: list[Mapping[str, Any]]) -> Receipt:
    code = rows[0].get("Code") if len(rows) == 1 else None
    if not isinstance(code, str):
        return Refusal("carrier_garbage").receipt(message)
    if code != "Ok":
        return _refusal(code).receipt(message)
    return Receipt(message.key, "accepted", ref=reference(rows[0].get("SerialNo")))
