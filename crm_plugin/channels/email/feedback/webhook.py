"""What a mail provider's events say when they are posted to us: signed JSON, one form for all providers.

``docs/channels.md`` says how the events of common providers are put into it. The signature is over the time
and the body, so that nobody can make events up or send old ones again.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from crm_plugin.channels.email.feedback.bounce_classification import KINDS, Kind, kind_of
from crm_plugin.channels.email.feedback.posted import (
    MOST,
    Batch,
    Posted,
    ident_of,
    instant_of,
    listed,
    too_many,
)
from crm_plugin.channels.email.smtp.replies import redacted
from crm_plugin.kernel.errors import BadInput, Clause

SHORTEST_SECRET = 16
SKEW = 300
"""Seconds that a request's time may differ from ours."""
TIME_HEADER = "x-crm-timestamp"
SIGNATURE_HEADER = "x-crm-signature"
_LONGEST = 255
_CODE = re.compile(r"(?:.*\bbounce\+)?([A-Za-z0-9]{10,64})(?:@.*)?", re.I)


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return the hexadecimal HMAC-SHA256 of ``timestamp``, a full stop and the body."""
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def is_genuine(secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
    """Return whether a request was signed with the secret, lately.

    :param headers: names in lower case.
    """
    timestamp, given = headers.get(TIME_HEADER, ""), headers.get(SIGNATURE_HEADER, "")
    if len(secret) < SHORTEST_SECRET or not re.fullmatch(r"[0-9]{1,12}", timestamp):
        return False
    if abs(now.timestamp() - int(timestamp)) > SKEW:
        return False
    expected = signature(secret, timestamp, body)
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))


def read(body: bytes) -> Batch:
    """Read the events of a request, each by itself.

    :raises BadInput: ``input.not_json``, ``input.bad`` when it is no request with events.
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise BadInput("input.not_json", reason=Clause("an object with events was expected")) from None
    events = found.get("events") if isinstance(found, dict) else None
    if not isinstance(events, list) or len(events) > MOST:
        raise too_many()
    return listed(events, lambda one, place: _event(one, f"events[{place}]"))


def _event(one: Any, place: str) -> Posted:
    if not isinstance(one, dict):
        raise BadInput("input.bad", place, reason=Clause("an object was expected"))
    words = {name: _word(one, name, place) for name in _NAMES}
    words["reason"] = str(one.get("reason") or "")  # a server's own words, of any length
    found = Posted(
        id=words["id"],
        kind=_kind(words, place),
        status=words["status"][:16],
        at=_at(one.get("at"), f"{place}.at"),
        address=words["address"],
        code=_first(_CODE, words["code"]),
        **ident_of(words["message_id"]),
        words=redacted(words["reason"]),
    )
    if not (found.address or found.code or found.row):
        raise BadInput("input.bad", place, reason=Clause("one of code, message_id and address was expected"))
    return found


_NAMES = ("id", "kind", "status", "address", "code", "message_id")


def _word(one: Mapping[str, Any], name: str, place: str) -> str:
    value = one.get(name)
    if value is None:
        return ""
    if name == "id" and isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > _LONGEST or not value.isprintable():
        raise BadInput("input.bad", f"{place}.{name}", reason=Clause("a short text was expected"))
    return value


def _kind(words: Mapping[str, str], place: str) -> Kind:
    if words["kind"] == "bounce":
        return kind_of(words["status"], words["reason"])
    for kind in KINDS:
        if words["kind"] == kind:
            return kind
    known = ", ".join(("bounce", *KINDS))
    raise BadInput("input.bad", f"{place}.kind", reason=Clause("one of {known} was expected", known=known))


def _at(value: object, place: str) -> datetime | None:
    try:
        return instant_of(value)
    except (TypeError, ValueError):
        raise BadInput("input.bad", place, reason=Clause("a time in ISO 8601 was expected")) from None


def _first(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.fullmatch(text)
    return match.group(1) if match else ""
