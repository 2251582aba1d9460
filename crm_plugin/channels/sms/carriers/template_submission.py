"""What carriers that approve texts are given, and what they answer; the same for each of them."""

from dataclasses import dataclass
from typing import Literal, Protocol

from crm_plugin.channels.sms.carriers.outcomes import Refusal


@dataclass(frozen=True, slots=True)
class Filing:
    """A text as it is handed in."""

    name: str
    text: str
    """With our ``${placeholders}`` and the words of opting out, without the signature."""
    marketing: bool
    signature: str
    remark: str
    """What the text is for, in the author's words and by its examples."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a carrier says of a text that was handed in."""

    code: str
    state: Literal["submitted", "approved", "rejected"]
    reason: str | None = None


class TextReview(Protocol):
    """The part of a carrier that takes texts for approval; carriers without one approve nothing."""

    def file(self, filing: Filing) -> str | Refusal:
        """Hand a text in; return the code that the carrier gave it, or why it took none."""

    def verdicts(self, codes: list[str]) -> list[Verdict] | Refusal:
        """Ask about texts by their codes; what is left out is not known there."""
