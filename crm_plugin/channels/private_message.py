"""The channel private message: plain text into the school's own inbox, one person a call."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crm_plugin.channels import content as parts
from crm_plugin.channels.base import Context, Made, Message, Problem, Receipt, Recipient, not_called
from crm_plugin.channels.content import Template
from crm_plugin.channels.links_apart import apart
from crm_plugin.channels.shared_checks import (
    constants,
    link_problems,
    other_forms,
    read_part,
    severe,
    uncounted_links,
    unsubscribe_problems,
)
from crm_plugin.host.context import Crm
from crm_plugin.host.records import MessageRequest
from crm_plugin.kernel.errors import BadInput, CrmError
from crm_plugin.kernel.i18n import Text

PAUSE = 10.0
"""Seconds to wait when the school cannot be called now."""


@dataclass(frozen=True)
class CompiledMessage:
    """Subject and text made ready for one campaign."""

    subject: Template
    text: Template
    targets: tuple[str, ...] = ()

    @property
    def variables(self) -> frozenset[str]:
        """See :class:`crm_plugin.channels.base.Compiled`."""
        return self.subject.variables | self.text.variables

    @property
    def required(self) -> frozenset[str]:
        """See :class:`crm_plugin.channels.base.Compiled`."""
        return self.subject.required | self.text.required

    def render(self, recipient: Recipient) -> Message:
        """Return the message for one person.

        :raises BadInput: ``content.no_value``.
        """
        values = recipient.values
        link = values.get("link")
        return Message(
            recipient.key,
            recipient.person,
            recipient.address,
            self.subject.render(values) or None,
            self.text.render(values),
            links=[link] if link and "link" in self.variables else [],
            campaign_id=recipient.campaign_id,
            channel="message",
        )


class MessageChannel:
    """Reaches people in the school's own inbox."""

    name = "message"
    label = Text("private message")
    address = "person"

    def compile(self, content: Mapping[str, Any], purpose: str, context: Context) -> Made:
        """Return subject and text ready to render, and what is wrong with them."""
        problems = other_forms(content, "subject", "text")
        try:
            subject, text = read_part(content, "subject"), read_part(content, "text")
        except BadInput as error:
            return Made(None, [*problems, severe(error)])
        if not text:
            return Made(None, [*problems, Problem("content.missing", "text", {"part": "text"})])
        used = parts.names(subject) | parts.names(text)
        problems += (
            uncounted_links(text, "text")
            + link_problems(used, content)
            + unsubscribe_problems(used, purpose, "text")
        )
        literal = sum(len(piece) for piece in text if isinstance(piece, str))
        if context.max_chars is not None and literal > context.max_chars:
            problems.append(Problem("content.too_many_letters", "text", {"limit": context.max_chars}))
        if any(problem.severe for problem in problems):
            return Made(None, problems)
        values = constants(content)
        made = [parts.template(part, values, parts.as_is) for part in (subject, apart(text))]
        return Made(CompiledMessage(made[0], made[1]), problems)

    def carrier(self, crm: Crm) -> str:
        """Return the school's own messages where it has them, else the outbox."""
        try:
            return "host" if crm.host.can("message") else "outbox"
        except CrmError:
            # A school that does not answer now must not make real messages vanish into the outbox.
            return "outbox" if crm.host.plugin is None else "host"


class HostCarrier:
    """Hands private messages to the school by its hook, one call for each person."""

    name = "host"
    in_flight = 1
    batch = 1
    call_seconds = 30.0

    def __init__(self, crm: Crm) -> None:
        self._crm = crm

    @property
    def idempotent(self) -> bool:
        """The school delivers a key once."""
        try:
            return self._crm.host.can("message.idempotent")
        except CrmError:
            return False

    def submit(self, messages: Sequence[Message], may_call: Callable[[], bool]) -> list[Receipt]:
        """Call the school once for each message."""
        receipts: list[Receipt] = []
        for index, message in enumerate(messages):
            if not may_call():
                return receipts + not_called(messages[index:])
            receipts.append(self._send(message))
        return receipts

    def _send(self, message: Message) -> Receipt:
        url = message.links[0] if message.links else None
        request = MessageRequest(message.key, message.person, message.text, message.subject or "", url)
        answer = self._crm.host.send_message(request)
        if answer.status == "accepted":
            return Receipt(message.key, "accepted", ref=answer.id)
        if answer.status == "rejected":
            return Receipt(message.key, "rejected", reason=(answer.reason or "rejected")[:64])
        reason = (answer.reason or "host_failed")[:64]
        if answer.status == "unavailable":  # the gateway's word: the school was not called at all
            return Receipt(message.key, "unavailable", reason=reason, retry_after=PAUSE)
        return Receipt(message.key, "unknown", reason=reason)

    def close(self) -> None:
        """Nothing is kept open."""


MESSAGE = MessageChannel()
