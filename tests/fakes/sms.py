"""SMS carriers on loopback that speak their wire protocol and keep books: signatures, limits, templates.

They are written from the carriers' published references and share no code with the product.
"""

import base64
import hashlib
import hmac
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

Reply = tuple[int, Any]
"""Status and a JSON document."""


class Gateway:
    """A carrier: what it took, and an answer to a request."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str]] = []
        """(number, text or values) in the order of arrival."""
        self.calls = 0
        self.url = ""
        self.next: Reply | None = None
        """What the next request is answered instead of being looked at."""

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Look at one request."""
        self.calls += 1
        if self.next is not None:
            reply, self.next = self.next, None
            return reply
        return self.handle(path, headers, body)

    def handle(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Take or refuse a request."""
        raise NotImplementedError


@contextmanager
def serve(gateway: Gateway) -> Iterator[Gateway]:
    """Let a carrier listen on loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, document = gateway.answer(self.path, headers, body)
            data = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *words: Any) -> None:
            """Keep tests quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    gateway.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield gateway
    finally:
        server.shutdown()
        server.server_close()


class FakeHttp(Gateway):
    """A gateway that speaks the generic protocol."""

    def __init__(self, token: str = "") -> None:
        super().__init__()
        self.token = token

    def handle(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        if self.token and headers.get("authorization") != f"Bearer {self.token}":
            return 401, {"error": "who are you?"}
        messages = json.loads(body)["messages"]
        if not 0 < len(messages) <= 100 or any(set(one) != {"key", "to", "text"} for one in messages):
            return 400, {"error": "not what was agreed on"}
        return 200, {"results": [self._result(one) for one in reversed(messages)]}

    def _result(self, message: Mapping[str, str]) -> dict[str, str]:
        if not re.fullmatch(r"\+[1-9]\d{7,14}", message["to"]):
            return {"key": message["key"], "status": "rejected", "code": "no_number"}
        self.taken.append((message["to"], message["text"]))
        return {"key": message["key"], "status": "accepted", "id": f"id-{len(self.taken)}"}


class FakeAliyun(Gateway):
    """Dysmsapi 2017-05-25: signature V3, sending, its reports, and the approval of texts.

    :param templates: code → text with ``${placeholders}``, all of them approved.
    """

    per_day = 1_000_000
    """Messages that one number may get; the account's setting."""

    def __init__(self, templates: Mapping[str, str], key: tuple[str, str], signature: str) -> None:
        super().__init__()
        self.templates = templates
        self.key = key
        self.signature = signature
        self.nonces: set[str] = set()
        self.sent: dict[tuple[str, str], int] = {}
        """(BizId, number) → status: 1 on its way, 2 failed, 3 delivered."""
        self.filed: dict[str, dict[str, str]] = {}
        """Code → what was handed in."""
        self.verdicts: dict[str, tuple[str, str]] = {}
        """Code → (TemplateStatus, reason); what is not there is being looked at."""
        self.got: Counter[str] = Counter()

    def handle(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        refused = self._unsigned(path, headers, body)
        if refused:
            return refused
        actions: dict[str, Callable[[dict[str, str]], Reply]] = {
            "SendBatchSms": self._send,
            "QuerySendDetails": self._details,
            "CreateSmsTemplate": self._create,
            "GetSmsTemplate": self._template,
            "QuerySmsTemplateList": lambda _fields: (200, {"Code": "OK", "SmsTemplateList": []}),
        }
        fields = dict(parse_qsl(urlsplit(path).query, keep_blank_values=True))
        fields |= dict(parse_qsl(body.decode(), keep_blank_values=True))
        if headers.get("x-acs-version") != "2017-05-25" or headers.get("x-acs-action") not in actions:
            return 404, {"Code": "InvalidAction.NotFound", "Message": "no such action"}
        return actions[headers["x-acs-action"]](fields)

    def _unsigned(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply | None:
        found = re.fullmatch(
            r"ACS3-HMAC-SHA256 Credential=([^,]+),SignedHeaders=([^,]+),Signature=([0-9a-f]{64})",
            headers.get("authorization", ""),
        )
        if found is None or headers.get("x-acs-content-sha256") != hashlib.sha256(body).hexdigest():
            return 400, {"Code": "IncompleteSignature", "Message": "the signature is incomplete"}
        if found[1] != self.key[0]:
            return 404, {"Code": "InvalidAccessKeyId.NotFound", "Message": "no such AccessKey"}
        late = _seconds_ago(headers.get("x-acs-date", ""))
        if late is None or abs(late) > 900:
            return 400, {"Code": "InvalidTimeStamp.Expired", "Message": "the time is 15 minutes off"}
        nonce = headers["x-acs-signature-nonce"]
        if nonce in self.nonces:
            return 400, {"Code": "SignatureNonceUsed", "Message": "the nonce was used already"}
        self.nonces.add(nonce)
        must = {"host", *(name for name in headers if name.startswith("x-acs-"))}
        must |= {"content-type"} if body else set()
        if set(found[2].split(";")) != must or found[3] != self._expected(path, headers, found[2], body):
            return 400, {"Code": "SignatureDoesNotMatch", "Message": "the signature does not match"}
        return None

    def _expected(self, path: str, headers: Mapping[str, str], names: str, body: bytes) -> str:
        query = parse_qs(urlsplit(path).query, keep_blank_values=True)
        pairs = [f"{quote(name, safe='-_.~')}={quote(query[name][0], safe='-_.~')}" for name in sorted(query)]
        lines = [f"{name}:{headers[name]}\n" for name in names.split(";")]
        digest = hashlib.sha256(body).hexdigest()
        request = "\n".join(["POST", urlsplit(path).path, "&".join(pairs), "".join(lines), names, digest])
        text = "ACS3-HMAC-SHA256\n" + hashlib.sha256(request.encode()).hexdigest()
        return hmac.new(self.key[1].encode(), text.encode(), "sha256").hexdigest()

    def _send(self, fields: dict[str, str]) -> Reply:
        numbers = json.loads(fields["PhoneNumberJson"])
        names = json.loads(fields["SignNameJson"])
        values = json.loads(fields["TemplateParamJson"])
        code = self._flaw(numbers, names, fields.get("TemplateCode", ""), values)
        if code:
            return 200, {"Code": code, "Message": "refused", "RequestId": "R"}
        ident = f"9006197469364984{self.calls:02d}^0"
        for number, own in zip(numbers, values, strict=True):
            self.got[number] += 1
            self.taken.append((number, json.dumps(own, ensure_ascii=False)))
            self.sent[ident, number] = 1
        return 200, {"Code": "OK", "Message": "OK", "RequestId": "R", "BizId": ident}

    def _flaw(self, numbers: list[str], names: list[str], template: str, values: list[Any]) -> str:
        if not 0 < len(numbers) <= 100:
            return "isv.MOBILE_COUNT_OVER_LIMIT"
        if len(names) != len(numbers) or len(values) != len(numbers):
            return "isv.INVALID_PARAMETERS"
        if any(name != self.signature for name in names):
            return "isv.SMS_SIGNATURE_ILLEGAL"
        if template not in self._approved():
            return "isv.SMS_TEMPLATE_ILLEGAL"
        if any(self.got[number] >= self.per_day for number in numbers):
            return "isv.BUSINESS_LIMIT_CONTROL"
        if any(not re.fullmatch(r"1[3-9]\d{9}|[2-9]\d{7,14}", number) for number in numbers):
            return "isv.MOBILE_NUMBER_ILLEGAL"
        needed = set(re.findall(r"\$\{(\w+)\}", self._approved()[template]))
        return next((flaw for own in values if (flaw := self._bad(needed, own))), "")

    def _bad(self, needed: set[str], own: Mapping[str, str]) -> str:
        if not needed <= set(own):
            return "isv.TEMPLATE_MISSING_PARAMETERS"
        if any(not 1 <= len(own[name]) <= 35 for name in needed):
            return "isv.PARAM_LENGTH_LIMIT"
        if any("://" in own[name] for name in needed):
            return "isv.PARAM_NOT_SUPPORT_URL"
        return ""

    def _approved(self) -> dict[str, str]:
        good = [code for code, (status, _) in self.verdicts.items() if status == "1"]
        return {**self.templates, **{code: self.filed[code]["TemplateContent"] for code in good}}

    def _create(self, fields: dict[str, str]) -> Reply:
        flaw = _text_flaw(fields)
        if flaw:
            return 200, {"Code": flaw, "Message": "refused", "RequestId": "R"}
        if fields["RelatedSignName"] != self.signature:
            return 200, {"Code": "isv.SMS_SIGNATURE_ILLEGAL", "Message": "refused", "RequestId": "R"}
        code = f"SMS_{20_000 + len(self.filed)}"
        self.filed[code] = fields
        return 200, {"Code": "OK", "Message": "OK", "RequestId": "R", "TemplateCode": code, "OrderId": "7"}

    def _template(self, fields: dict[str, str]) -> Reply:
        code = fields["TemplateCode"]
        if code not in self.filed:
            return 200, {"Code": "isv.SMS_TEMPLATE_ILLEGAL", "Message": "no such template"}
        status, reason = self.verdicts.get(code, ("0", ""))
        audit = {"AuditDate": "2026-11-15 20:00:00", "RejectInfo": reason}
        found = {"TemplateCode": code, "TemplateStatus": status, "AuditInfo": audit}
        return 200, {"Code": "OK", "Message": "OK", **found}

    def _details(self, fields: dict[str, str]) -> Reply:
        status = self.sent.get((fields["BizId"], fields["PhoneNumber"]))
        row = {
            "PhoneNum": fields["PhoneNumber"],
            "SendStatus": status,
            "ErrCode": {2: "MK:0001", 3: "DELIVERED"}.get(status or 0, ""),
            "ReceiveDate": "2026-11-15 20:00:05",
        }
        rows = [row] if status else []
        return 200, {"Code": "OK", "Message": "OK", "SmsSendDetailDTOs": {"SmsSendDetailDTO": rows}}


def _seconds_ago(text: str) -> float | None:
    try:
        date = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    return (datetime.now(UTC) - date).total_seconds()


def _text_flaw(fields: Mapping[str, str]) -> str:
    """Check a text that is handed in by the published rules for templates."""
    text, names = fields["TemplateContent"], re.findall(r"\$\{([^}]*)\}", fields["TemplateContent"])
    rule = json.loads(fields.get("TemplateRule", "{}"))
    good = 1 <= len(text) <= 500 and 1 <= len(fields["TemplateName"]) <= 30 and len(fields["Remark"]) <= 100
    good = good and not re.search(r"[【】]", text) and not re.search(r"\}\$\{", text)
    good = good and len(names) == len(set(names)) and set(rule) == set(names)
    good = good and all(re.fullmatch(r"[A-Za-z]\w{0,34}", name) for name in names)
    promotion = fields["TemplateType"] == "2"
    tail = text.endswith("拒收请回复R") or not re.search("[一-鿿]", text)
    if not good or fields["TemplateType"] not in ("1", "2") or (promotion and not tail):
        return "isv.SMS_CONTENT_ILLEGAL"
    return ""


class FakeTencent(Gateway):
    """Sms 2021-01-11: SendSms, AddSmsTemplate and DescribeSmsTemplateList with signature V3."""

    def __init__(self, templates: Mapping[str, int], key: tuple[str, str], signature: str) -> None:
        super().__init__()
        self.templates = templates
        """Id → how many values it takes."""
        self.key = key
        self.signature = signature
        self.filed: dict[str, dict[str, Any]] = {}
        """Id → what was handed in."""
        self.verdicts: dict[str, tuple[int, str]] = {}
        """Id → (StatusCode, ReviewReply); what is not there is being looked at."""

    def _add(self, asked: dict[str, Any]) -> dict[str, Any]:
        text, numbers = asked["TemplateContent"], re.findall(r"\{([^}]*)\}", asked["TemplateContent"])
        good = asked["SmsType"] in (1, 2) and asked["International"] == 0 and 1 <= len(text) <= 500
        good = good and "}{" not in text and "$" not in text
        if not good or list(dict.fromkeys(numbers)) != [str(n) for n in range(1, len(set(numbers)) + 1)]:
            return {"Error": {"Code": "FailedOperation.TemplateParamSetNotMatchApprovedTemplate"}}
        code = str(2000 + len(self.filed))
        self.filed[code] = asked
        return {"AddTemplateStatus": {"TemplateId": code}, "RequestId": "R"}

    def _describe(self, asked: dict[str, Any]) -> dict[str, Any]:
        ids = asked.get("TemplateIdSet") or list(self.filed)[: asked["Limit"]]
        assert len(ids) <= 100
        rows = [self._row(str(id)) for id in ids if str(id) in self.filed]
        return {"DescribeTemplateStatusSet": rows, "RequestId": "R"}

    def _row(self, code: str) -> dict[str, Any]:
        status, reply = self.verdicts.get(code, (1, ""))
        return {"TemplateId": int(code), "StatusCode": status, "ReviewReply": reply, "International": 0}

    def handle(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        if not self._is_signed(headers, body):
            return 200, _tencent_error("AuthFailure.SignatureFailure")
        asked = json.loads(body)
        if headers.get("x-tc-action") == "AddSmsTemplate":
            return 200, {"Response": self._add(asked)}
        if headers.get("x-tc-action") == "DescribeSmsTemplateList":
            return 200, {"Response": self._describe(asked)}
        numbers, values = asked["PhoneNumberSet"], asked["TemplateParamSet"]
        if len(numbers) > 200:
            return 200, _tencent_error("LimitExceeded.PhoneNumberCountLimit")
        if len({number.startswith("+86") for number in numbers}) != 1:
            return 200, _tencent_error("UnsupportedOperation.ContainDomesticAndInternationalPhoneNumber")
        wrong = ""
        if asked["SignName"] != self.signature:
            wrong = "FailedOperation.SignatureIncorrectOrUnapproved"
        elif self.templates.get(asked["TemplateId"]) != len(values):
            wrong = "FailedOperation.TemplateIncorrectOrUnapproved"
        elif any("://" in value for value in values):
            wrong = "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter"
        rows = [self._status(number, values, wrong) for number in numbers]
        return 200, {"Response": {"SendStatusSet": rows, "RequestId": "R"}}

    def _status(self, number: str, values: list[str], wrong: str) -> dict[str, Any]:
        if not re.fullmatch(r"\+861[3-9]\d{9}|\+(?!86)[1-9]\d{7,14}", number):
            wrong = "InvalidParameterValue.IncorrectPhoneNumber"
        if wrong:
            return {"SerialNo": "", "PhoneNumber": number, "Code": wrong, "Message": "refused"}
        self.taken.append((number, json.dumps(values, ensure_ascii=False)))
        serial = f"5000:{len(self.taken)}"
        return {"SerialNo": serial, "PhoneNumber": number, "Code": "Ok", "Message": "send success"}

    def _is_signed(self, headers: Mapping[str, str], body: bytes) -> bool:
        found = re.fullmatch(
            r"TC3-HMAC-SHA256 Credential=([^/]+)/(\d{4}-\d\d-\d\d)/sms/tc3_request, "
            r"SignedHeaders=([^,]+), Signature=([0-9a-f]{64})",
            headers.get("authorization", ""),
        )
        if found is None or found[1] != self.key[0] or headers.get("x-tc-version") != "2021-01-11":
            return False
        lines = "".join(f"{name}:{headers[name].lower()}\n" for name in found[3].split(";"))
        parts = ["POST", "/", "", lines, found[3], hashlib.sha256(body).hexdigest()]
        hashed = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        scope = f"{found[2]}/sms/tc3_request"
        text = f"TC3-HMAC-SHA256\n{headers['x-tc-timestamp']}\n{scope}\n{hashed}"
        secret = f"TC3{self.key[1]}".encode()
        for part in scope.split("/"):
            secret = hmac.digest(secret, part.encode(), "sha256")
        return hmac.digest(secret, text.encode(), "sha256").hex() == found[4]


def _tencent_error(code: str) -> dict[str, Any]:
    return {"Response": {"Error": {"Code": code, "Message": "refused"}, "RequestId": "R"}}


class FakeTwilio(Gateway):
    """Programmable Messaging 2010-04-01: one message a call, Basic authentication."""

    def __init__(self, account: str, token: str) -> None:
        super().__init__()
        self.account = account
        self.proof = "Basic " + base64.b64encode(f"{account}:{token}".encode()).decode()

    def handle(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        if headers.get("authorization") != self.proof:
            return 401, {"code": 20003, "message": "Authenticate", "status": 401}
        if path == f"/2010-04-01/Accounts/{self.account}.json":
            return 200, {"sid": self.account, "status": "active"}
        if path != f"/2010-04-01/Accounts/{self.account}/Messages.json":
            return 404, {"code": 20404, "message": "not found", "status": 404}
        form = dict(parse_qsl(body.decode()))
        if not re.fullmatch(r"\+[1-9]\d{7,14}", form["To"]):
            return 400, {"code": 21211, "message": "Invalid 'To' Phone Number", "status": 400}
        if not form.get("Body") or not (form.get("From") or form.get("MessagingServiceSid")):
            return 400, {"code": 21602, "message": "Message body is required", "status": 400}
        self.taken.append((form["To"], form["Body"]))
        sid = f"SM{len(self.taken):032x}"
        return 201, {"sid": sid, "status": "queued", "to": form["To"], "error_code": None}
