"""Where the facts of an event stand in a provider's JSON, as data, and how they are read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from typing import Any, Literal, cast

from crm_plugin.channels.email.feedback.bounce_classification import judge
from crm_plugin.channels.email.feedback.posted import Batch, Effect, Posted, ident_of, instant_of, listed
from crm_plugin.channels.email.smtp.replies import redacted, reply_in
from crm_plugin.kernel.errors import BadInput, Clause

Meaning = Effect | Literal["", "judged", "coded", "final"]
"""What a kind of event does. ``judged``: the server's words decide, hard where it said nothing. ``coded``:
soft where the words hold a code, else nothing, as it may be a note of absence. ``final``: judged where the
words hold a 5xx reply, else nothing, as it is tried again. Empty: nothing."""
_LONGEST = 255


@dataclass(frozen=True)
class Form:
    """A provider's form. A path is names with dots between; with ``|`` between, the first one counts."""

    kind: tuple[str, ...]
    """Paths whose values, with ``/`` between, name a kind of event."""
    meanings: Mapping[str, Meaning]
    """Kind → what it does; a kind that is not there is looked up without its last part."""
    address: str
    at: str
    id: str = ""
    message_id: str = ""
    status: str = ""
    words: tuple[str, ...] = ()
    """Paths whose values, with blanks between, are the server's own words."""
    events: Callable[[Any], Sequence[Any]] = lambda document: [document]
    """Returns the events of a document, each an object."""


def read(name: str, form: Form, document: Any) -> Batch:
    """Read the events of a provider's document, each by itself.

    :param name: the provider's: two of them may give the same id.
    """
    return listed(form.events(document), lambda event, _place: _read(name, form, event))


def value(document: Any, path: str) -> Any:
    """Return what stands at a path; None when nothing does."""
    for one in path.split("|"):
        found = document
        for name in one.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
        if found not in (None, ""):
            return found
    return None


def _read(name: str, form: Form, event: Any) -> Posted | None:
    if not isinstance(event, Mapping):
        raise BadInput("input.bad", reason=Clause("an object was expected"))
    words = " ".join(str(found) for path in form.words if (found := value(event, path)) is not None)
    kind, status = _effect(_meaning(form, event), _text(event, form.status), words[:4_000])
    if kind is None:
        return None
    ident = _text(event, form.id)
    found = Posted(
        id=f"{name}:{ident}"[:_LONGEST] if ident else "",
        kind=kind,
        status=status[:16],
        at=_moment(event, form.at),
        address=parseaddr(_text(event, form.address))[1],
        words=redacted(words),
        **ident_of(_text(event, form.message_id)),
    )
    if not (found.address or found.row):
        raise BadInput("input.bad", form.address, reason=Clause("an address was expected"))
    return found


def _meaning(form: Form, event: Any) -> Meaning:
    parts = [str(found if (found := value(event, path)) is not None else "") for path in form.kind]
    while parts:
        found = form.meanings.get("/".join(parts))
        if found is not None:
            return found
        parts.pop()
    return ""


def _effect(meaning: Meaning, status: str, words: str) -> tuple[Effect | None, str]:
    """Return (what an event does, its status code)."""
    if meaning == "":
        return None, ""
    if meaning == "final" and not reply_in(words).startswith("5"):
        return None, ""
    verdict = judge(words, status, "")
    if meaning == "coded":
        return ("soft" if verdict.status else None), verdict.status
    if meaning in ("judged", "final"):
        return (verdict.kind if words or status else "hard"), verdict.status
    return cast(Effect, meaning), verdict.status


def _text(event: Any, path: str) -> str:
    found = value(event, path) if path else None
    if found is None or isinstance(found, bool | Mapping | list):
        return ""
    text = str(found)
    if len(text) > _LONGEST or not text.isprintable():
        raise BadInput("input.bad", path, reason=Clause("a short text was expected"))
    return text


def _moment(event: Any, path: str) -> datetime | None:
    try:
        return instant_of(value(event, path))
    except (TypeError, ValueError):
        return None  # the moment of arrival
