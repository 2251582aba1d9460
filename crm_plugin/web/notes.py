"""Lines that the next page shows once; kept apart from the school's own flashed messages.

Flask hands its messages to whoever asks first and to all who ask later in the same request: inside the
school's layout ours would stand there twice.
"""

from flask import session

_KEY = "crm_notes"
_MOST = 10


def tell(text: str, kind: str = "note") -> None:
    """Show a line on the next page.

    :param kind: ``good``, ``warn``, ``bad`` or ``note``.
    """
    session[_KEY] = [*session.get(_KEY, []), [kind, text]][-_MOST:]


def take() -> list[tuple[str, str]]:
    """Return the lines to show now, as (kind, text), and forget them."""
    return [(kind, text) for kind, text in session.pop(_KEY, [])]
