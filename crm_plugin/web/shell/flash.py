"""Lines that the next page shows once, some with a button to undo; kept apart from the school's own messages.

Flask hands its messages to whoever asks first and to all who ask later in the same request: inside the
school's layout ours would stand there twice.
"""

from typing import NamedTuple

from flask import session

_KEY = "crm_notes"
_MOST = 10


class Note(NamedTuple):
    """A line to show."""

    kind: str
    """``good``, ``warn``, ``bad`` or ``note``."""
    text: str
    undo: int | None = None
    """Id of the deed that it offers to take back."""


def tell(text: str, kind: str = "note", undo: int | None = None) -> None:
    """Show a line on the next page.

    :param kind: ``good``, ``warn``, ``bad`` or ``note``.
    :param undo: what the deed that it tells of can be undone by; see :mod:`crm_plugin.profiles.staff.undo`.
    """
    session[_KEY] = [*session.get(_KEY, []), [kind, text, undo]][-_MOST:]


def take() -> list[Note]:
    """Return the lines to show now and forget them."""
    return [Note(*one) for one in session.pop(_KEY, [])]
