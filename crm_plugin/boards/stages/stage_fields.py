"""The stages as fields of a person: the courses of which somebody is in a stage."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.boards.stages import stage_rows
from crm_plugin.boards.stages.questions import Asked, Roots
from crm_plugin.boards.stages.stage_trees import FIELD, STALLED
from crm_plugin.kernel.db.bulk import chunks
from crm_plugin.kernel.i18n import Text
from crm_plugin.profiles.models import school as m
from crm_plugin.segments.language.course_sources import root_ids
from crm_plugin.segments.language.dates import Present
from crm_plugin.segments.language.definitions import Field, make_field
from crm_plugin.segments.language.sources import Members, Row
from crm_plugin.segments.language.value_types import ABSENT, KEYS, KNOWN, LISTS, Kind


@dataclass(frozen=True)
class InStage:
    """The courses of which a person is in one stage, by the school's ids; copies and plans included."""

    stage: str

    def test(self, kind: Kind, operator: str, operand: Any, row: Any, present: Present) -> Members:
        """Return the people who are, or are not, in the stage of one of the courses."""
        if operator in KNOWN:
            return Members(self._people(present, None), operator == "null")
        wanted = sorted(operand) if operator in LISTS else [operand]
        roots = root_ids(wanted)
        one = roots.limit(1).scalar_subquery() if len(wanted) == 1 else roots
        return Members(self._people(present, one), operator in ABSENT, few=True)

    def _people(self, present: Present, roots: Roots) -> sa.Select[Any]:
        found = stage_rows.rows(self.stage, Asked(present, roots))
        return found.with_only_columns(found.selected_columns[0])

    def load(
        self, session: Session, people: Sequence[int], rows: Sequence[Row], present: Present
    ) -> dict[int, set[str]]:
        """Return the ids of those courses for each person."""
        roots: dict[int, set[int]] = defaultdict(set)
        for some in chunks(people):
            pairs: Any = session.execute(stage_rows.pairs(self.stage, Asked(present, None, some)))
            for person, root in pairs:
                roots[person].add(root)
        ids = _families(session, sorted(set().union(*roots.values())))
        return {person: set().union(*(ids[root] for root in found)) for person, found in roots.items()}

    def seen(self, kind: Kind, row: Row, data: dict[int, set[str]], present: Present) -> frozenset[str]:
        """Return the ids of the courses of which the person is in the stage."""
        return frozenset(data.get(row["id"], ()))


def _families(session: Session, roots: Sequence[int]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = defaultdict(set)
    for some in chunks(roots):
        chosen = sa.select(m.Course.root_id, m.Course.host_id).where(m.Course.root_id.in_(some))
        for root, host_id in session.execute(chosen):
            found[root].add(host_id)
    return found


def _field(stage: str, label: Text, needs: str, holds: Text, fails: Text) -> Field:
    about = FIELD + stage
    return make_field(
        about, label, KEYS, InStage(stage), needs=(needs,), picker="course", says=(holds, fails)
    )


FIELDS = (
    _field(
        "potential",
        Text("potential learners of a course"),
        "signals|orders",
        Text("is a potential learner of {value}"),
        Text("is no potential learner of {value}"),
    ),
    _field(
        "pending",
        Text("unpaid order for a course"),
        "orders",
        Text("has an unpaid order for {value}"),
        Text("has no unpaid order for {value}"),
    ),
    _field(
        "upcoming",
        Text("learners whose access begins later"),
        "enrolments",
        Text("has access to {value} that begins later"),
        Text("has no access to {value} that begins later"),
    ),
    _field(
        "learners",
        Text("learners of a course"),
        "enrolments",
        Text("is a learner of {value}"),
        Text("is no learner of {value}"),
    ),
    _field(
        "left",
        Text("left a course"),
        "enrolments.end_kind",
        Text("left {value}, or was refunded"),
        Text("did not leave {value}"),
    ),
    _field(
        "expired",
        Text("access to a course ran out"),
        "enrolments.expires_at|enrolments.end_kind",
        Text("had access to {value} that ran out"),
        Text("had no access to {value} that ran out"),
    ),
    _field(
        "closed_unpaid",
        Text("order for a course closed unpaid"),
        "orders",
        Text("let an order for {value} close unpaid"),
        Text("let no order for {value} close unpaid"),
    ),
    _field(
        STALLED,
        Text("stalled learners of a course"),
        "enrolments.progress",
        Text("has fallen behind in {value}"),
        Text("has not fallen behind in {value}"),
    ),
)
"""In the order of the builder's menu: ``stage.potential`` and so on."""
