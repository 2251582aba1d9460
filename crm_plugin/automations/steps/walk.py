"""Carries people from step to step: pure reckoning over times; conditions and sending are others' work."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from crm_plugin.automations.language.document import IF, SEND, WAIT, kind_of
from crm_plugin.automations.steps.standing import Standing
from crm_plugin.segments.language.dates import Present, shift

Step = Mapping[str, Any]
Asks = Callable[[int, Sequence[Standing]], set[int]]
"""Returns which of these people, by our ids, fulfil the condition of a step."""
Sends = Callable[[int, Sequence[Standing]], None]
"""Makes the messages of a step; people who are to get neither it nor a later one have stopped then."""


@dataclass
class Walk:
    """One round of an automation through the people who are due.

    A wait counts from the message before it, once that was made; before that from when it was due.

    :param present: now, in the school's zone.
    :param asks: decides conditions.
    :param sends: makes messages.
    """

    steps: Sequence[Step]
    present: Present
    asks: Asks
    sends: Sends
    at: dict[int, list[Standing]] = field(default_factory=lambda: defaultdict(list))
    """Number of a step → people who are to do it in this round."""

    def run(self, people: Sequence[Standing]) -> None:
        """Carry people on as far as time allows; each knows then where they stand."""
        for one in people:
            if one.state == "active":
                self.place(one, one.step, one.due)
        for index, step in enumerate(self.steps):
            here = self.at.pop(index, [])
            if here and IF in step:
                self._decide(index, step, here)
            elif here:
                self._send(index, here)

    def place(self, one: Standing, index: int, base: datetime) -> None:
        """Put somebody before the next step that is no wait; those who are due there go on in this round."""
        index, due = self._next(one, index, base)
        one.step, one.due = index, due
        if index >= len(self.steps):
            one.state = "done"
        elif due <= self.present.as_of:
            self.at[index].append(one)

    def _next(self, one: Standing, index: int, base: datetime) -> tuple[int, datetime]:
        """Return the next step that is no wait, and when it is due."""
        while index < len(self.steps) and kind_of(self.steps[index]) == WAIT:
            wait = self.steps[index][WAIT]
            if not wait["before"]:
                base = shift(replace(self.present, as_of=base), wait["n"], wait["unit"])
            elif one.deadline is not None:
                base = shift(replace(self.present, as_of=one.deadline), -wait["n"], wait["unit"])
            else:
                # Without the date there is no such moment: what waits for it is left out.
                index = self._after_next_send(index)
                continue
            index += 1
        return (index, base) if index < len(self.steps) else (len(self.steps), self.present.as_of)

    def _after_next_send(self, index: int) -> int:
        while index < len(self.steps) and SEND not in self.steps[index]:
            index += 1
        return index + 1

    def next_message(self, one: Standing, index: int, base: datetime) -> datetime | None:
        """Return when the next message after a step is due, if a wait lies between."""
        waited = False
        while index < len(self.steps):
            waited = waited or WAIT in self.steps[index]
            index, base = self._next(one, index, base)
            if index < len(self.steps) and SEND in self.steps[index]:
                return base if waited else None
            index += 1
        return None

    def _decide(self, index: int, step: Step, here: list[Standing]) -> None:
        fulfilled = self.asks(index, here)
        for one in here:
            if one.person_id in fulfilled:
                self.place(one, index + 1, one.due)
            elif step["else"] == "stop":
                one.stop("condition")
            else:
                self.place(one, index + 2, one.due)

    def _send(self, index: int, here: list[Standing]) -> None:
        now = self.present.as_of
        due = []
        for one in here:
            later = self.next_message(one, index + 1, one.due)
            if later is not None and later <= now:
                # Late: of several messages that are past due only the last one is sent.
                self.place(one, index + 1, one.due)
            else:
                due.append(one)
        self.sends(index, due)
        for one in due:
            if one.state == "active":
                self.place(one, index + 1, now)
