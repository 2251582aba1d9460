"""What an SMS carrier allows, declared by each carrier and never assumed.

The content check, the composer and the reference page go by these facts; a carrier that declares nothing
takes free text with one tracked link for each person.
"""

from dataclasses import dataclass
from typing import Any, Literal

from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.settings import TABLE, Settings

LinkMode = Literal["per_recipient", "per_campaign", "none"]
LINK_MODES: tuple[LinkMode, ...] = ("per_recipient", "per_campaign", "none")
"""``per_recipient``: a short link of each person's own is filled in; ``per_campaign``: an address stands in
the approved text, the same for all, so that clicks on it say nothing of whose they are; ``none``: no
address at all."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The facts of one carrier."""

    batch: int = 1
    """Messages that one call takes."""
    own_params: bool = True
    """Each person of a call may have values of their own; otherwise a call holds people with the same."""
    link_mode: LinkMode = "per_recipient"
    """The usual contract; the setting ``sms_link_mode`` says what the school's own one allows."""
    receipts: tuple[str, ...] = ()
    """``push``: the carrier calls our address; ``pull``: we may ask it."""
    needs_template: bool = False
    """Fills in an approved template of its own, named by its code, instead of taking our text."""
    needs_signature: bool = False
    """Signs with a name that it has approved (setting ``sms_signature``)."""
    longest_value: int | None = None
    """Letters of one filled-in value."""
    longest_text: int | None = None
    """Letters of a text that is approved, placeholders as written and opt-out words included."""
    apart: bool = False
    """Two placeholders may not touch."""
    once: bool = False
    """A placeholder may stand in a text once."""
    brackets: bool = True
    """The text may hold 【】, which are the signature's."""
    mainland_parts: bool = True
    """Bills messages to mainland China by 70 and 67 characters, whatever the letters."""
    idempotent: bool = False
    """The same key is taken once."""


FREE_TEXT = Capabilities()
"""What holds for a carrier that declares nothing."""


def link_mode_of(settings: Settings, declared: Capabilities) -> LinkMode:
    """Return how links may stand in SMS here: the school's own contract, else the carrier's usual one.

    :raises BadInput: ``settings.bad_value``.
    """
    wanted = settings.sms_link_mode
    for mode in LINK_MODES:
        if wanted == mode:
            return mode
    if wanted:
        expected = f"one of {', '.join(LINK_MODES)}"
        raise BadInput("settings.bad_value", name="sms_link_mode", value=wanted, expected=expected)
    return declared.link_mode


def needed(settings: Settings, *names: str) -> list[str]:
    """Return settings that a carrier cannot do without.

    :raises BadInput: ``settings.missing`` for the first that is empty; its value is never in a message.
    """
    helps: dict[str, Any] = {row.name: row.help for row in TABLE}
    for name in names:
        if not getattr(settings, name):
            raise BadInput("settings.missing", name=name, help=helps[name])
    return [str(getattr(settings, name)) for name in names]
