"""How the database plans statements that a process runs again and again."""

import sqlalchemy as sa
from sqlalchemy.orm import Session


def plan_each_run(session: Session) -> None:
    """Let each statement of this transaction be planned for the values that it is run with.

    From the sixth run on, PostgreSQL may keep one plan for all values. It takes a list of any length for ten
    values then, and reads row by row what a join of whole tables finds sooner (PostgreSQL 18, *PREPARE*).
    The other databases plan each run anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.text("SET LOCAL plan_cache_mode = force_custom_plan"))
