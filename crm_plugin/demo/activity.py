"""Keeps what people did: views, trials, favourites, questions."""

from __future__ import annotations

from sqlalchemy import select

from crm_plugin.demo.change_events import now
from crm_plugin.demo.models import Activity, User, db

_ONE_ROW_A_DAY = ("login", "view", "learn")


def record(user: User, kind: str, course_id: int | None = None, text: str | None = None) -> Activity:
    """Note that the person did this just now; logins, views and learning are counted in one row a day.

    The caller commits.
    """
    if kind in _ONE_ROW_A_DAY:
        latest = find(user, kind, course_id)
        if latest and latest.at > now() - 86_400:
            latest.count += 1
            return latest
    row = Activity(user_id=user.id, kind=kind, course_id=course_id, at=now(), count=1, text=text)
    db.session.add(row)
    return row


def find(user: User, kind: str, course_id: int | None) -> Activity | None:
    """Return the person's latest row of this kind that was not undone."""
    mine = select(Activity).where(
        Activity.user_id == user.id,
        Activity.kind == kind,
        Activity.course_id == course_id,
        Activity.removed_at.is_(None),
    )
    return db.session.scalars(mine.order_by(Activity.id.desc()).limit(1)).first()


def toggle_favourite(user: User, course_id: int) -> bool:
    """Add the course to the person's favourites or take it out; return whether it is one now."""
    row = find(user, "favourite", course_id)
    if row:
        row.removed_at = now()
        return False
    record(user, "favourite", course_id)
    return True
