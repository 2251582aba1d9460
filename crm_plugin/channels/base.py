"""The small protocols that the campaign engine sees of a channel and of a carrier.

A *channel* (SMS, e-mail, private message) turns content into messages; a *carrier* (outbox, SMTP, the
school's own messages) takes messages away. The engine knows neither HTTP nor SMTP, the carriers know
neither campaigns nor the ledger.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from crm_plugin.channels.carrier_capabilities import FREE_TEXT, Capabilities, LinkMode
from crm_plugin.kernel.clock import Clock, system_clock
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.i18n import Text

MARKETING = "marketing"
SERVICE = "service"
PURPOSES = (MARKETING, SERVICE)
"""What a message is for; ``service`` is what a person needs for something they have already."""

Status = Literal["accepted", "rejected", "unavailable", "unknown", "not_called"]


@dataclass(slots=True)
class Recipient:
    """One person that a compiled content is rendered for."""

    key: str
    """The ledger row's key, the same at each attempt."""
    person: str
    """The school's id."""
    address: str
    """Where the channel sends to: E.164, an e-mail address, or the school's id again."""
    values: Mapping[str, str | None] = field(default_factory=dict)
    """Variable → value of this person, for the names in :attr:`Compiled.variables`."""
    links: Sequence[str] = ()
    """Short addresses for :attr:`Compiled.targets`, in that order; empty = the targets themselves."""
    campaign_id: int | None = None
    """None for a test send."""
    return_path: str = ""
    """E-mail only: where its failure is to be reported; empty = to the sender."""


@dataclass(slots=True)
class Message:
    """One message as a carrier takes it."""

    key: str
    """Unique to the message; a carrier with idempotent keys takes it once."""
    person: str
    address: str
    subject: str | None
    text: str
    html: str | None = None
    links: list[str] = field(default_factory=list)
    """The tracked short addresses in it."""
    campaign_id: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    """Values of an SMS template's placeholders, for carriers that fill in themselves."""
    template: str | None = None
    """The carrier's own code of the SMS template, for the same carriers."""
    signature: str = ""
    """The name that signs an SMS where it is not the installation's, for the same carriers."""
    channel: str = ""
    mime: Callable[[bool], bytes] | None = None
    """E-mail only: writes the message out; the argument says whether the server takes 8-bit lines."""
    return_path: str = ""
    """E-mail only: the envelope's sender; empty = the carrier's own."""


@dataclass(slots=True)
class Receipt:
    """What became of one message at the carrier."""

    key: str
    status: Status
    """``accepted``; ``rejected`` (see ``permanent``); ``unavailable``: surely not taken, try again;
    ``unknown``: perhaps taken, nobody tries again by himself; ``not_called``: no call was made."""
    ref: str | None = None
    """The carrier's own id of the message."""
    reason: str | None = None
    """A short stable code, at most 64 letters."""
    permanent: bool = True
    retry_after: float | None = None
    """Seconds that the carrier asks to wait."""
    busy: bool = False
    """Only the moment is wrong: it waits for long, and says nothing against the carrier."""
    words: str = ""
    """What the carrier said, without addresses, at most 255 letters; empty when it said nothing."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that pre-flight shows: a code of :data:`crm_plugin.kernel.errors.CODES` and its place."""

    code: str
    place: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    severe: bool = True
    """An error blocks the launch; a warning does not."""


@dataclass(frozen=True, slots=True)
class SmsText:
    """One version of an SMS template, as a compiled content and the template page need it."""

    key: str
    text: str
    purpose: str
    state: str
    """Its own, or, once it was looked up for a carrier, what it is there."""
    locale: str = "en"
    carrier_codes: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    version: int = 1
    signature: str = ""
    """The name that signs it; empty: the installation's."""
    examples: Mapping[str, str] = field(default_factory=dict)
    carrier: str = ""
    """Whose answer ``state`` is; empty: it holds at every carrier."""
    reason: str | None = None
    filed_as: str = ""
    """The carrier's code of what was submitted."""
    stock: bool = False
    archived: bool = False
    submitted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What a channel must know beside the content; :func:`crm_plugin.channels.service.context` makes it."""

    site_name: str = ""
    """Signs SMS (【…】) and stands in the footer of e-mail."""
    locale: str = "en"
    sender: str = ""
    """From header of e-mail, as ``Name <address>``."""
    sms: SmsText | None = None
    sms_carrier: str = ""
    sms_rules: Capabilities = FREE_TEXT
    """What the SMS carrier allows."""
    link_mode: LinkMode = "per_recipient"
    """How links may stand in SMS, by the school's contract."""
    sms_signature: str = ""
    """The name that signs SMS, where it is not the site's."""
    longest_mail: int = 0
    """Bytes of the largest e-mail that the mail server takes; 0: not known."""
    max_chars: int | None = None
    """Longest private message that the school takes."""
    clock: Clock = system_clock
    mark: str = ""
    """Of this installation; part of message ids."""
    id_header: str = ""
    """Header of e-mail that its provider returns with events; empty: it returns the Message-ID or nothing."""


class Compiled(Protocol):
    """A content made ready once per campaign; rendering a recipient only joins pieces."""

    @property
    def variables(self) -> frozenset[str]:
        """Names whose values differ from person to person; constants of the campaign are folded in."""

    @property
    def required(self) -> frozenset[str]:
        """Those of :attr:`variables` that have no default at some place."""

    @property
    def targets(self) -> tuple[str, ...]:
        """Web addresses in the content that tracked links replace, byte for byte as written."""

    def render(self, recipient: Recipient) -> Message:
        """Return the message for one recipient.

        :raises BadInput: ``content.no_value`` when a required variable has no value.
        """


@dataclass(frozen=True, slots=True)
class Made:
    """What a channel makes of a content, read once: ready to render, and what is wrong with it."""

    compiled: Compiled | None
    """None when a problem is severe."""
    problems: list[Problem] = field(default_factory=list)

    def ready(self) -> Compiled:
        """Return the content ready to render.

        :raises BadInput: the first severe problem.
        """
        for problem in self.problems:
            if problem.severe:
                raise BadInput(problem.code, problem.place, **problem.params)
        assert self.compiled is not None
        return self.compiled


class Channel(Protocol):
    """One way to reach people."""

    name: str
    """Stands in campaigns, consents and suppressions: at most 16 small letters."""
    label: Text
    """Its name for people, as it stands inside a sentence."""
    address: str
    """What it writes to: ``phone``, ``email`` or ``person``."""

    def compile(self, content: Mapping[str, Any], purpose: str, context: Context) -> Made:
        """Return the content ready to render and what is wrong with it, without raising."""

    def carrier(self, crm: Any) -> str:
        """Return the name of the carrier that this installation uses for the channel."""


class Carrier(Protocol):
    """Takes messages away; one instance serves one process."""

    name: str
    in_flight: int
    """How many rows may be marked *sending* at once."""
    batch: int
    """How many messages one call takes."""
    call_seconds: float
    """The time-out of one call."""

    @property
    def idempotent(self) -> bool:
        """The same key is taken once, so that an unknown message may be submitted again."""

    def submit(self, messages: Sequence[Message], may_call: Callable[[], bool]) -> list[Receipt]:
        """Hand messages over; return one receipt for each, in order. Never raises.

        ``may_call`` is asked right before each call to the outside; once it says False, the messages
        that are left come back as ``not_called``.
        """

    def close(self) -> None:
        """Give connections back; the carrier may be used again afterwards."""


def not_called(messages: Sequence[Message]) -> list[Receipt]:
    """Return receipts for messages that no call was made for."""
    return [Receipt(message.key, "not_called") for message in messages]
