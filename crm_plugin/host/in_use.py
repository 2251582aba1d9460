"""What uses a thing that somebody wants to remove, as far as they may see it."""

from collections.abc import Sequence

from crm_plugin.kernel.errors import Clause

Users = Sequence[str | None]
"""Names of what uses a thing; None for each that the reader may not see."""


def seen_names(users: Users) -> str:
    """Return the names for a sentence, and how many more there are that the reader may not see."""
    names, hidden = ", ".join(one for one in users if one is not None), list(users).count(None)
    if not hidden:
        return names
    if not names:
        return Clause("{count} that you may not see", count=hidden)
    return Clause("{names} and {count} that you may not see", names=names, count=hidden)
