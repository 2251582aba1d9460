"""Hands messages to a carrier, and takes its answers as they can be kept: whatever it does is an outcome."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from crm_plugin.channels.base import Carrier, Message, Receipt
from crm_plugin.kernel.storable import cleaned

log = logging.getLogger(__name__)

LONGEST_REF = 128
LONGEST_REASON = 64
LONGEST_WORDS = 255
NO_ANSWER = "no_answer"
"""Reason of messages that a carrier gave no answer about."""


def hand_over(carrier: Carrier, messages: Sequence[Message], may_call: Callable[[], bool]) -> list[Receipt]:
    """Hand messages over; return one receipt for each, in order, with nothing in it that cannot be kept.

    A carrier that raises, or answers about others than these, may have taken all of them.
    """
    try:
        receipts = carrier.submit(messages, may_call)
        if [one.key for one in receipts] == [one.key for one in messages]:
            return [_kept(receipt) for receipt in receipts]
        log.error("the carrier %s answered about other messages than those it got", carrier.name)
    except Exception:
        log.exception("the carrier %s failed with messages in its hands", carrier.name)
    return [Receipt(message.key, "unknown", reason=NO_ANSWER, permanent=False) for message in messages]


def kept_ref(ref: str) -> str:
    """Return a carrier's id of a message as it is kept; the same id is always kept alike."""
    text = cleaned(ref)
    if text == ref and len(text) <= LONGEST_REF:
        return text
    mark = hashlib.sha256(ref.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{text[: LONGEST_REF - 17]}~{mark}"


def _kept(receipt: Receipt) -> Receipt:
    return replace(
        receipt,
        ref=receipt.ref and kept_ref(str(receipt.ref)),
        reason=receipt.reason and cleaned(str(receipt.reason))[:LONGEST_REASON],
        words=cleaned(str(receipt.words))[:LONGEST_WORDS],
    )
