"""The carrier generic HTTP: a small JSON protocol for gateways and agencies that have none of their own.

We POST ``{"messages": [{"key", "to", "text"}]}`` and get ``{"results": [{"key", "status", "id", "code"}]}``
with status ``accepted`` or ``rejected``. Reports come as ``{"receipts": [{"id", "status", "code", "at"}]}``
with status ``delivered`` or ``failed``, replies as ``{"replies": [{"id", "from", "text", "at"}]}``.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from crm_plugin.channels.base import Message, Receipt
from crm_plugin.channels.carrier_capabilities import Capabilities, needed
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
    Report,
    each,
    has_secret,
    reference,
    rows_of,
    word,
    words,
)
from crm_plugin.channels.sms.carriers.receipt_codes import GATEWAY, REFUSING, reason_of
from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import BadInput, Clause

_BY_STATUS = {
    "401": "carrier_login",
    "402": "carrier_balance",
    "403": "carrier_login",
    "429": "carrier_throttled",
    "4": "carrier_refused",
    "3": "carrier_refused",
}
"""HTTP status (or how it begins) → what it means when it is not 200; all others leave the outcome open."""


def _read(body: bytes) -> list[Report]:
    return each(rows_of(body, "receipts", beside="replies"), _report)


def _inbound(body: bytes) -> list[Inbound]:
    return each(rows_of(body, "replies", beside="receipts"), _reply)


def _reply(row: Mapping[str, Any]) -> Inbound:
    ident = word(row, "id") if row.get("id") is not None else ""
    return Inbound(word(row, "from", 24), words(row, "text"), _instant(row.get("at")), ident)


def _report(row: Mapping[str, Any]) -> Report:
    status = word(row, "status")
    if status not in ("delivered", "failed"):
        raise BadInput("input.bad", "status", reason=Clause("the status is delivered or failed"))
    code = word(row, "code", 64) if row.get("code") is not None else None
    at = _instant(row.get("at"))
    if status == "delivered":
        return Report(word(row, "id"), "delivered", at=at)
    return Report(word(row, "id"), "failed_permanent", reason_of(code, GATEWAY), at)


def _instant(text: object) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(str(text))
        # At either end of the calendar another zone may have no such instant.
        instant = None if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        instant = None
    if instant is None:
        raise BadInput("input.bad", "at", reason=Clause("an instant with its offset was expected (ISO 8601)"))
    return instant


class HttpCarrier:
    """Posts messages to the address of ``sms_http_url``, a hundred a call."""

    name = "http"
    capabilities = Capabilities(batch=100, receipts=("push",))
    batch = in_flight = capabilities.batch
    idempotent = capabilities.idempotent
    call_seconds = CALL_SECONDS
    push = Push(has_secret, _read, _inbound, b'{"ok": true}')

    def __init__(self, crm: Crm) -> None:
        (url,) = needed(crm.settings, "sms_http_url")
        self._url = web_address("sms_http_url", url)
        self._token = crm.settings.sms_http_token
        self._clock = crm.clock
        self._wire = Wire()

    def submit(self, messages: Sequence[Message], may_call: Callable[[], bool]) -> list[Receipt]:
        """Hand messages over in calls of ``batch``."""
        groups = [messages[at : at + self.batch] for at in range(0, len(messages), self.batch)]
        return outcomes.submit(messages, groups, Round(may_call, self._call), {})

    def probe(self) -> Refusal | None:
        """Hand over an empty list of messages: None = it answers and knows us.

        A gateway may take that for bad input; it has answered then, and that is what was asked.
        """
        found = self._post([])
        return found if isinstance(found, Refusal) and found.code not in ("400", "422") else None

    def close(self) -> None:
        """Close the connection."""
        self._wire.close()

    def _call(self, messages: Sequence[Message]) -> list[Receipt] | Refusal:
        answer = self._post(messages)
        return answer if isinstance(answer, Refusal) else _receipts(messages, answer.document())

    def _post(self, messages: Sequence[Message]) -> Answer | Refusal:
        rows = [{"key": one.key, "to": one.address, "text": one.text} for one in messages]
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            answer = self._wire.post(self._url, json.dumps({"messages": rows}).encode(), headers)
        except NotSent:
            return Refusal("carrier_unreachable")
        except InDoubt as doubt:
            return Refusal(f"carrier_{doubt.args[0]}")
        return answer if answer.status == 200 else self._refused(answer)

    def _refused(self, answer: Answer) -> Refusal:
        code, wait = str(answer.status), answer.retry_after(self._clock())
        if answer.status == 503 and wait is not None:
            # It names the time to come back, so it has not taken anything now.
            return Refusal("carrier_throttled", code, wait)
        return Refusal(outcomes.kind_of(code, _BY_STATUS, "carrier_failed"), code, wait)


def _receipts(messages: Sequence[Message], document: Any) -> list[Receipt]:
    """Read the results; a message that they do not name exactly once is in doubt."""
    results: dict[str, list[Mapping[str, Any]]] = {}
    rows = document.get("results") if isinstance(document, dict) else None
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and isinstance(row.get("key"), str):
            results.setdefault(row["key"], []).append(row)
    return [_receipt(message, results.get(message.key, [])) for message in messages]


def _receipt(message: Message, results: list[Mapping[str, Any]]) -> Receipt:
    if len(results) != 1:
        return Refusal("carrier_garbage").receipt(message)
    result = results[0]
    if result.get("status") == "accepted":
        return Receipt(message.key, "accepted", ref=_ref(result.get("id")))
    if result.get("status") == "rejected":
        code = result.get("code")
        own = code if isinstance(code, str) else ""
        return Refusal(GATEWAY.get(own, "bad_number"), "" if own in REFUSING else own).receipt(message)
    return Refusal("carrier_garbage").receipt(message)


def _ref(value: object) -> str | None:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return reference(str(value) if is_number else value)
