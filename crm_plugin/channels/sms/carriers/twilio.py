"""The carrier Twilio (Programmable Messaging, 2010-04-01): one message a call, free text.

Its reports and replies are signed over our exact public address, so that no secret stands in that.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from crm_plugin.channels.base import Message, Receipt
from crm_plugin.channels.carrier_capabilities import Capabilities, needed
from crm_plugin.channels.lanes import Lanes
from crm_plugin.channels.sms.carriers import outcomes
from crm_plugin.channels.sms.carriers.http_call import (
    CALL_SECONDS,
    Answer,
    InDoubt,
    NotSent,
    Wire,
    web_address,
)
from crm_plugin.channels.sms.carriers.outcomes import Refusal, Round
from crm_plugin.channels.sms.carriers.pushes import (
    Inbound,
    Push,
    Pushed,
    Report,
    callback_url,
    reference,
    word,
    words,
)
from crm_plugin.channels.sms.carriers.receipt_codes import TWILIO, reason_of
from crm_plugin.channels.sms.reply_words import Wish
from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import BadInput, Clause
from crm_plugin.kernel.settings import Settings

_PLACE = "status"
"""What stands in our address where others have the secret."""
_PLACES = (_PLACE, "inbound")
"""The same of reports, and of replies, whose address stands in Twilio's console."""
_WISHES: Mapping[str, Wish] = {"STOP": "stop", "START": "start"}
"""OptOutType, which there is where the messaging service handles opt-outs itself."""
_FIELDS = 100

_KINDS = {
    "20003": "carrier_login",
    "20005": "carrier_login",
    "20429": "carrier_throttled",
    "14107": "carrier_throttled",
    "21211": "bad_number",
    "21214": "bad_number",
    "21217": "bad_number",
    "21265": "bad_number",
    "21266": "bad_number",
    "21408": "no_route",
    "21610": "opted_out",
    "21612": "no_route",
    "21614": "bad_number",
    "21617": "bad_value",
    "30002": "carrier_balance",
    "63038": "carrier_limit",
}
"""Error code → what it means (error dictionary); all others are the account's or the request's."""
_BY_STATUS = {
    "401": "carrier_login",
    "403": "carrier_login",
    "429": "carrier_throttled",
    "5": "carrier_failed",
}


def signature_of(token: str, url: str, fields: Iterable[tuple[str, str]]) -> str:
    """Return the X-Twilio-Signature of a form: HMAC-SHA1 over address and fields, sorted, each once."""
    text = url + "".join(name + value for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode("ascii")


def _genuine(settings: Settings, pushed: Pushed) -> bool:
    if not settings.sms_twilio_token or pushed.secret not in _PLACES:
        return False
    try:
        fields = _pairs(pushed.body)
    except BadInput:
        return False
    given = pushed.headers.get("x-twilio-signature", "").encode("utf-8", "replace")
    urls = _spellings(callback_url(settings, pushed.carrier, pushed.secret))
    expected = [signature_of(settings.sms_twilio_token, url, fields).encode() for url in urls]
    return any([hmac.compare_digest(one, given) for one in expected])


def _spellings(url: str) -> tuple[str, ...]:
    """Return an address with and without its scheme's own port: Twilio signs the one or the other."""
    parts = urlsplit(url)
    port = {"https": 443, "http": 80}.get(parts.scheme)
    if parts.port not in (None, port):
        return (url,)
    host = parts.netloc.removesuffix(f":{port}")
    return tuple(urlunsplit(parts._replace(netloc=netloc)) for netloc in (host, f"{host}:{port}"))


def _pairs(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_FIELDS)
    except ValueError:
        raise BadInput("input.bad", reason=Clause("a form was expected")) from None


def _read(body: bytes) -> list[Report]:
    fields = dict(_pairs(body))
    if _is_reply(fields):
        return []
    status = word(fields, "MessageStatus")
    if status in ("delivered", "read"):
        return [Report(word(fields, "MessageSid"), "delivered")]
    if status in ("undelivered", "failed"):
        code = word(fields, "ErrorCode", 64) if fields.get("ErrorCode") else None
        return [Report(word(fields, "MessageSid"), "failed_permanent", reason_of(code, TWILIO))]
    # Queued, sending and sent say nothing of the end.
    return []


def _inbound(body: bytes) -> list[Inbound]:
    fields = dict(_pairs(body))
    # Other services of theirs, such as WhatsApp, write their name before the number.
    if not _is_reply(fields) or ":" in fields.get("From", ""):
        return []
    wish = _WISHES.get(fields.get("OptOutType", ""), "")
    return [Inbound(word(fields, "From"), words(fields, "Body"), id=word(fields, "MessageSid"), wish=wish)]


def _is_reply(fields: Mapping[str, str]) -> bool:
    return "MessageStatus" not in fields and fields.get("SmsStatus") == "received"


class TwilioCarrier:
    """Sends by Twilio, from a number or a messaging service."""

    name = "twilio"
    capabilities = Capabilities(batch=1, receipts=("push",), mainland_parts=False)
    batch = capabilities.batch
    in_flight = 20
    idempotent = capabilities.idempotent
    call_seconds = CALL_SECONDS
    push = Push(_genuine, _read, _inbound, b"<Response></Response>", media_type="text/xml")

    def __init__(self, crm: Crm) -> None:
        account, token, self._sender, url = needed(
            crm.settings, "sms_twilio_account", "sms_twilio_token", "sms_twilio_from", "sms_twilio_url"
        )
        base = web_address("sms_twilio_url", url)
        self._account = web_address("sms_twilio_account", f"{base}/2010-04-01/Accounts/{account}")
        self._url = f"{self._account}/Messages.json"
        self._proof = "Basic " + base64.b64encode(f"{account}:{token}".encode()).decode("ascii")
        self._callback = callback_url(crm.settings, self.name, _PLACE)
        self._clock = crm.clock
        self._wire = Wire()
        self._lanes: Lanes[None] = Lanes(lambda: None, crm.settings.connections_to(self.name))

    def submit(self, messages: Sequence[Message], may_call: Callable[[], bool]) -> list[Receipt]:
        """Hand messages over, one a call, several calls side by side where it is far away."""
        round_ = Round(may_call, self._send)
        return outcomes.submit(messages, [[message] for message in messages], round_, {}, self._lanes)

    def probe(self) -> Refusal | None:
        """Ask for our own account, which sends nothing: None = it answers and knows us."""
        try:
            answer = self._wire.get(f"{self._account}.json", {"Authorization": self._proof})
        except NotSent:
            return Refusal("carrier_unreachable")
        except InDoubt as doubt:
            return Refusal(f"carrier_{doubt.args[0]}")
        if answer.status == 200:
            return None
        code = str(answer.status)
        return Refusal(outcomes.kind_of(code, _BY_STATUS, "carrier_refused"), code)

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()
        self._lanes.close()

    def _send(self, messages: Sequence[Message]) -> list[Receipt] | Refusal:
        (message,) = messages
        sender = "MessagingServiceSid" if self._sender.startswith("MG") else "From"
        form = {"To": message.address, sender: self._sender, "Body": message.text}
        if self._callback.startswith("https://"):
            # Twilio refuses an address that it cannot reach, such as that of a trial on this machine.
            form["StatusCallback"] = self._callback
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": self._proof}
        try:
            answer = self._wire.post(self._url, urlencode(form).encode(), headers)
            if answer.status == 429:
                self._lanes.fewer()
        except NotSent:
            return Refusal("carrier_unreachable")
        except InDoubt as doubt:
            return Refusal(f"carrier_{doubt.args[0]}")
        return self._judge(message, answer)

    def _judge(self, message: Message, answer: Answer) -> list[Receipt] | Refusal:
        document = answer.document()
        if not isinstance(document, dict):
            kind = "carrier_throttled" if answer.status == 429 else "carrier_garbage"
            return Refusal(kind, str(answer.status), answer.retry_after(self._clock()))
        if answer.status in (200, 201):
            return _taken(message, document)
        code, status = str(document.get("code") or answer.status), str(answer.status)
        other = outcomes.kind_of(status, _BY_STATUS, "carrier_refused")
        kind = other if answer.status >= 500 else _KINDS.get(code, other)
        return Refusal(kind, code, answer.retry_after(self._clock()))


def _taken(message: Message, document: Mapping[str, Any]) -> list[Receipt] | Refusal:
    sid = reference(document.get("sid"))
    if sid is None:
        return Refusal("carrier_garbage")
    if document.get("status") in ("failed", "canceled"):
        return Refusal("bad_number", str(document.get("error_code") or ""))
    return [Receipt(message.key, "accepted", ref=sid)]
