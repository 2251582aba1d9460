"""The people in a stage of a course, or of any course, with that course."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from crm_plugin.boards.stages.questions import Asked
from crm_plugin.boards.stages.stage_rows import pairs
from crm_plugin.profiles.models.school import Course
from crm_plugin.segments.language.dates import Present


def people_of(trigger: Mapping[str, Any], present: Present) -> sa.Select[Any]:
    """Return ``SELECT person_id, root_id`` of who is in the stage of a trigger."""
    course = trigger["course"]
    roots = None if course is None else sa.select(Course.root_id).where(Course.host_id == course)
    return pairs(trigger["stage"], Asked(present, roots))
