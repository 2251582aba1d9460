"""What refusals of carriers mean for a row of the ledger, in one vocabulary for all of them.

The carrier's own code stands behind ours in a receipt's reason (``carrier_balance:isv.AMOUNT_NOT_ENOUGH``),
so that reports name both what to do and what was said.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from crm_plugin.channels.base import Message, Receipt, Status, not_called
from crm_plugin.channels.lanes import Lanes

_LONGEST = 64


@dataclass(frozen=True, slots=True)
class Kind:
    """One meaning of a refusal."""

    status: Status
    of_row: bool = False
    """It is about one number or its values, not about the account or the call."""
    retry_after: float | None = None
    """Seconds to wait at least, where the carrier says nothing."""
    busy: bool = False
    """Only the moment is wrong: it says nothing against the carrier."""


KINDS: Mapping[str, Kind] = {
    "bad_number": Kind("rejected", of_row=True),
    "opted_out": Kind("rejected", of_row=True),
    "blocked_number": Kind("rejected", of_row=True),
    "bad_value": Kind("rejected", of_row=True),
    "number_limit": Kind("unavailable", of_row=True, retry_after=3600.0, busy=True),
    "no_route": Kind("unavailable", of_row=True, retry_after=3600.0),
    "carrier_hours": Kind("unavailable", retry_after=3600.0, busy=True),
    "carrier_throttled": Kind("unavailable", retry_after=30.0, busy=True),
    "carrier_limit": Kind("unavailable", retry_after=3600.0),
    "carrier_balance": Kind("unavailable", retry_after=600.0),
    "carrier_login": Kind("unavailable", retry_after=600.0),
    "carrier_template": Kind("unavailable", retry_after=600.0),
    "carrier_signature": Kind("unavailable", retry_after=600.0),
    "carrier_refused": Kind("unavailable", retry_after=600.0),
    "carrier_unreachable": Kind("unavailable", retry_after=30.0),
    "carrier_timeout": Kind("unknown"),
    "carrier_lost": Kind("unknown"),
    "carrier_failed": Kind("unknown"),
    "carrier_garbage": Kind("unknown"),
}
"""What is *unavailable* was surely not taken; what is *unknown* may have been."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call (or one message of it) was not accepted."""

    kind: str
    code: str = ""
    """The carrier's own."""
    retry_after: float | None = None

    @property
    def of_row(self) -> bool:
        """Return whether it is about a single message."""
        return KINDS[self.kind].of_row

    def receipt(self, message: Message, status: Status | None = None) -> Receipt:
        """Return what it means for a message."""
        kind = KINDS[self.kind]
        found = status or kind.status
        code = re.sub(r"[^\w.-]", "", self.code)
        reason = f"{self.kind}:{code}" if code else self.kind
        wait = (self.retry_after or kind.retry_after) if found == "unavailable" else None
        return Receipt(
            message.key,
            found,
            reason=reason[:_LONGEST],
            permanent=found == "rejected",
            retry_after=wait,
            busy=kind.busy,
        )


def kind_of(code: str, table: Mapping[str, str], other: str) -> str:
    """Return the kind of a carrier's code: that of the longest prefix in its table."""
    for length in range(len(code), 0, -1):
        if code[:length] in table:
            return table[code[:length]]
    return other


Call = Callable[[Sequence[Message]], list[Receipt] | Refusal]
"""One call to the outside: a receipt for each message, or why all of them were refused."""


class Round:
    """The calls of one submit: none without leave, none after one that failed as a whole."""

    def __init__(self, may_call: Callable[[], bool], call: Call) -> None:
        self._may_call = may_call
        self._call = call
        self._trouble: Refusal | None = None

    def take(self, group: Sequence[Message]) -> list[Receipt]:
        """Hand one group over, and find out which of its messages a refusal was about.

        A carrier that refuses a whole call because of one number took none of it: the halves are called
        by themselves until the one stands alone.
        """
        if self._trouble is not None:
            # No call was made for these, whatever became of the one before.
            return [self._trouble.receipt(message, "unavailable") for message in group]
        if not self._may_call():
            return not_called(group)
        found = self._call(group)
        if not isinstance(found, Refusal):
            return found
        if found.of_row and len(group) > 1:
            half = len(group) // 2
            return self.take(group[:half]) + self.take(group[half:])
        if not found.of_row:
            self._trouble = found
        return [found.receipt(message) for message in group]


def submit(
    messages: Sequence[Message],
    groups: Iterable[Sequence[Message]],
    round_: Round,
    refused: Mapping[str, Refusal],
    lanes: Lanes[None] | None = None,
) -> list[Receipt]:
    """Call for group after group; return the receipts in the order of the messages.

    :param refused: by key, messages that no call is made for.
    :param lanes: for groups that are called for side by side; None = one after the other.
    """
    found = {one.key: refused[one.key].receipt(one) for one in messages if one.key in refused}
    side_by_side = lanes or Lanes(lambda: None, 1)
    for receipts in side_by_side.run(list(groups), lambda _lane, group: round_.take(group)):
        found.update((receipt.key, receipt) for receipt in receipts)
    return [found[message.key] for message in messages]


def grouped(
    messages: Sequence[Message], alike: Callable[[Message], object], size: int
) -> list[list[Message]]:
    """Return messages that may share a call, at most ``size`` together."""
    by_kind: dict[object, list[Message]] = {}
    for message in messages:
        by_kind.setdefault(alike(message), []).append(message)
    return [kind[start : start + size] for kind in by_kind.values() for start in range(0, len(kind), size)]
