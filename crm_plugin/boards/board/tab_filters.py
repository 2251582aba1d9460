"""Quick filters of a tab: one row a filter, with its choices and the conditions that it adds."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from crm_plugin.boards.board.one_course import BoardCourse
from crm_plugin.boards.stages.acts import CLOSED, SIGNALS
from crm_plugin.boards.stages.stage_rows import HELD, LEFT
from crm_plugin.boards.stages.stage_trees import FIELD, STALLED
from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import BadInput, Clause, one_of
from crm_plugin.profiles.staff.purchase_intent import LEVELS
from crm_plugin.segments import service
from crm_plugin.segments.language.documents import Document, any_of, rows, rule
from crm_plugin.segments.language.json_input import load

Rules = Callable[[BoardCourse, str, Mapping[str, str]], list[Document]]
"""(course, value, all filters) → conditions."""
UNSET = "unset"
"""Nobody has set an intention by hand."""
_LEARNT = (("enrolments", "progress"), ("enrolments", "completed_at"))
_ENDED_AT = ("enrolments", "ended_at")
_REASONS = (("enrolments", "end_reason"),)


@dataclass(frozen=True)
class Filter:
    """A filter of some tabs.

    :param stages: none = every tab.
    :param values: its choices; none = whatever fits ``pattern``.
    :param needs: (stream, field) that the school must provide.
    """

    name: str
    stages: tuple[str, ...]
    values: tuple[str, ...]
    rules: Rules
    needs: tuple[tuple[str, str], ...] = ()
    pattern: str = ""

    def takes(self, value: str) -> bool:
        """Return whether a value is one of its choices."""
        return value in self.values if self.values else bool(re.fullmatch(self.pattern, value))


def _acts(course: BoardCourse, kind: str, filters: Mapping[str, str]) -> list[Document]:
    lately = [_lately("at", filters["since"])] if filters.get("since") else []
    inside = _where(course, filters.get("where", ""))
    if kind == CLOSED:
        closed = [_lately("closed_at", filters["since"])] if filters.get("since") else []
        return [rows("orders", inside, rule("state", "=", "closed"), *closed)]
    wanted = [kind] if kind else list(SIGNALS)
    found = rows("signals", inside, rule("kind", "in", wanted), *lately)
    if kind:
        return [found]
    return [any_of(found, *_acts(course, CLOSED, filters))]


def _acts_of_any_kind(course: BoardCourse, _value: str, filters: Mapping[str, str]) -> list[Document]:
    """Recency and place are of the kind that is asked for; without one, of any act."""
    return [] if filters.get("act") else _acts(course, "", filters)


def _place(course: BoardCourse, value: str, filters: Mapping[str, str]) -> list[Document]:
    return [] if filters.get("since") else _acts_of_any_kind(course, value, filters)


def _where(course: BoardCourse, where: str) -> Document:
    if where == "class":
        return rule("course_id", "=", course.host_id)
    inside = [part.host_id for part in course.parts]
    if where == "courses" and inside:
        return rule("course_id", "in", inside)
    return rule("course_id", "in", course.host_ids)


def _level(course: BoardCourse, level: str, _filters: Mapping[str, str]) -> list[Document]:
    here = rule("course_id", "=", course.host_id)
    if level == UNSET:
        return [rows("intentions", here, mode="none")]
    return [rows("intentions", here, rule("level", "=", level))]


def _waits(course: BoardCourse, days: str, _filters: Mapping[str, str]) -> list[Document]:
    return [_pending(course, rule("created_at", "olderThan", _span(days)))]


def _closes(course: BoardCourse, hours: str, _filters: Mapping[str, str]) -> list[Document]:
    return [_pending(course, rule("closes_at", "inNext", _span(hours, "hour")))]


def _pending(course: BoardCourse, *rules: Document) -> Document:
    return rows("orders", rule("course_id", "=", course.host_id), rule("state", "=", "pending"), *rules)


_PROGRESS: dict[str, Document] = {
    "untouched": any_of(rule("progress", "null"), rule("progress", "=", 0)),
    "begun": rule("progress", "between", [0.001, 0.499]),
    "half": rule("progress", "between", [0.5, 0.799]),
    "nearly": rule("progress", ">=", 0.8),
}


def _progress(course: BoardCourse, value: str, _filters: Mapping[str, str]) -> list[Document]:
    unfinished = rule("completed_at", "null")
    if value == STALLED:
        return [rule(FIELD + STALLED, "=", course.host_id)]
    if value == "finished":
        return [_seat(course, rule("completed_at", "notNull"))]
    if value == "unfinished":
        return [rows("enrolments", *_here(course), rule("completed_at", "notNull"), mode="none")]
    return [_seat(course, unfinished, _PROGRESS[value])]


def _idle(course: BoardCourse, days: str, _filters: Mapping[str, str]) -> list[Document]:
    return [rows("enrolments", *_here(course), _lately("last_learned_at", days), mode="none")]


def _ends(course: BoardCourse, days: str, _filters: Mapping[str, str]) -> list[Document]:
    return [_seat(course, rule("expires_at", "inNext", _span(days)))]


def _seat(course: BoardCourse, *rules: Document) -> Document:
    return rows("enrolments", *_here(course), *rules)


def _here(course: BoardCourse) -> tuple[Document, ...]:
    learner = rule("role", "=", "learner"), rule("state", "in", list(HELD))
    return rule("course_id", "=", course.host_id), *learner


def _leaving(course: BoardCourse, _value: str, filters: Mapping[str, str]) -> list[Document]:
    """All filters on how somebody left are about one seat: the first that is given writes them all."""
    found = list(ended(course, (filters["how"],) if filters.get("how") else LEFT))
    if filters.get("left"):
        found.append(_lately("ended_at", filters["left"]))
    if filters.get("from"):
        found.append(rule("ended_at", ">=", f"{filters['from']}-01"))
    if filters.get("month"):
        first = date.fromisoformat(filters["month"] + "-01")
        found += [rule("ended_at", ">=", first.isoformat()), rule("ended_at", "<", _next_month(first))]
    if filters.get("reason"):
        found += _for_reason(filters["reason"])
    return [rows("enrolments", *found)]


def _unless(*before: str) -> Rules:
    """Return the rules of a filter that writes them only when none of those before it is given."""

    def found(course: BoardCourse, value: str, filters: Mapping[str, str]) -> list[Document]:
        return [] if any(filters.get(one) for one in before) else _leaving(course, value, filters)

    return found


def _next_month(first: date) -> str:
    return date(first.year + first.month // 12, first.month % 12 + 1, 1).isoformat()


def _for_reason(reason: str) -> list[Document]:
    how, _, value = reason.partition(":")
    if how == "kind":
        return [rule("end_kind", "=", value), rule("end_reason", "null")]
    if how == "text":
        return [rule("end_reason", "=", value)]
    named = load(value)
    others = [rule("end_reason", "notIn", named)] if named else []
    return [*others, rule("end_reason", "notNull")]


def _expired_lately(course: BoardCourse, days: str, _filters: Mapping[str, str]) -> list[Document]:
    return [rows("enrolments", *ended(course, ("expired",)), _lately("ended_at", days))]


def _closed_lately(course: BoardCourse, days: str, _filters: Mapping[str, str]) -> list[Document]:
    here = rule("course_id", "=", course.host_id), rule("state", "=", "closed")
    return [rows("orders", *here, _lately("closed_at", days))]


def _query(_course: BoardCourse, ident: str, _filters: Mapping[str, str]) -> list[Document]:
    return [rule("segment", "=", int(ident))]


def ended(course: BoardCourse, kinds: tuple[str, ...]) -> tuple[Document, ...]:
    """Return the conditions on a learner's seat that ended in one of these ways."""
    over = rule("role", "=", "learner"), rule("state", "=", "ended"), rule("end_kind", "in", list(kinds))
    return rule("course_id", "=", course.host_id), *over


def _lately(field: str, days: str) -> Document:
    return rule(field, "inLast", _span(days))


def _span(number: str, unit: str = "day") -> dict[str, object]:
    return {"n": int(number), "unit": unit}


_DAYS = ("7", "30", "90")
_ACTED, _ORDERS = ("signals", ""), ("orders", "")
_MONTH = "[12][0-9]{3}-(0[1-9]|1[0-2])"
_REASON = f"(?s)kind:({'|'.join(LEFT)})|text:.+|other:.+"
FILTERS = (
    Filter("act", ("potential",), (*SIGNALS, CLOSED), _acts, (_ACTED, _ORDERS)),
    Filter("since", ("potential",), (*_DAYS, "180"), _acts_of_any_kind, (_ACTED, _ORDERS)),
    Filter("where", ("potential",), ("class", "courses"), _place, (_ACTED, _ORDERS)),
    Filter("level", ("potential",), (UNSET, *LEVELS), _level),
    Filter("waits", ("pending",), ("1", "3", "7"), _waits, (("orders", "created_at"),)),
    Filter("closes", ("pending",), ("1", "6", "24"), _closes, (("orders", "closes_at"),)),
    Filter("progress", ("learners",), (*_PROGRESS, STALLED, "unfinished", "finished"), _progress, _LEARNT),
    Filter("idle", ("learners",), ("7", "14", "30"), _idle, (("enrolments", "last_learned_at"),)),
    Filter("ends", ("learners",), ("14", "30"), _ends, (("enrolments", "expires_at"),)),
    Filter("how", ("left",), LEFT, _leaving, (("enrolments", "end_kind"),)),
    Filter("left", ("left",), _DAYS, _unless("how"), (_ENDED_AT,)),
    Filter("month", ("left",), (), _unless("how", "left"), (_ENDED_AT,), _MONTH),
    Filter(
        "reason", ("left",), (), _unless("how", "left", "month"), (("enrolments", "end_reason"),), _REASON
    ),
    Filter("ran_out", ("expired",), _DAYS, _expired_lately, (("enrolments", "expires_at"),)),
    Filter("closed", ("closed_unpaid",), _DAYS, _closed_lately, (("orders", "closed_at"),)),
    Filter("query", (), (), _query, pattern="[0-9]{1,15}"),
)
"""In the order in which they stand; one without stages is on every tab."""


def of_tab(crm: Crm, stage: str, course: BoardCourse) -> list[Filter]:
    """Return the filters that a tab has, as far as the school's data allow them."""
    knows = service.catalogue(crm).knows
    return [
        one
        for one in FILTERS
        if (not one.stages or stage in one.stages)
        and all(knows(*need) for need in one.needs)
        and (one.name != "where" or course.parts)
    ]


def read(filters: Iterable[Filter], values: Mapping[str, str]) -> dict[str, str]:
    """Return the filters that an address or a document names; empty ones are left out.

    :param filters: of the tab.
    :raises BadInput: ``input.bad`` for another choice.
    """
    found = {one.name: values[one.name] for one in filters if values.get(one.name)}
    for one in filters:
        if one.name in found and not one.takes(found[one.name]):
            reason = one_of(one.values) if one.values else Clause("no such choice")
            raise BadInput("input.bad", one.name, reason=reason)
    return found


def rules(stage: str, course: BoardCourse, filters: Mapping[str, str]) -> list[Document]:
    """Return the conditions that filters, as :func:`read` returns them, add to a tab."""
    chosen = [one for one in FILTERS if filters.get(one.name) and (not one.stages or stage in one.stages)]
    return [made for one in chosen for made in one.rules(course, filters[one.name], filters)]
