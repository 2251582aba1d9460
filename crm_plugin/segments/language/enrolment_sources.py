"""Sources of an enrolment's state and end: the school's word, as of the present."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from crm_plugin.profiles.store import enrolment_state as states
from crm_plugin.segments.language.dates import Present
from crm_plugin.segments.language.sources import ColumnAt, Computed
from crm_plugin.segments.language.value_types import ABSENT, KNOWN, LISTS, Condition, Kind


@dataclass(frozen=True)
class State(ColumnAt):
    """The state, compared by bare columns: an index serves them, and it serves no expression."""

    def test(self, kind: Kind, operator: str, operand: Any, row: Any, present: Present) -> Condition:
        if operator in KNOWN:
            return super().test(kind, operator, operand, row, present)
        named = frozenset(operand if operator in LISTS else (operand,))
        wanted = frozenset(states.STATES) - named if operator in ABSENT else named
        return states.in_states(row, wanted, present.as_of)


def _at(rule: Callable[[Any, Any], Any]) -> Callable[[Any, Present], Any]:
    return lambda row, present: rule(row, present.as_of)


STATE = State("state", _at(states.state_at), _at(states.state_of))
END_KIND = ColumnAt("end_kind", _at(states.end_kind_at), _at(states.end_kind_of))
ENDED_AT = ColumnAt("ended_at", _at(states.end_time_at), _at(states.end_time_of))
ACTIVE = Computed(
    lambda row, present: states.in_states(row, ("active",), present.as_of),
    lambda row, present: states.state_of(row, present.as_of) == "active",
)
