"""The channel SMS: an approved template, signed, with the placeholders of each person filled in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crm_plugin.channels import content as parts
from crm_plugin.channels.base import MARKETING, Context, Made, Message, Problem, Recipient, SmsText
from crm_plugin.channels.content import Piece, Slot, Template
from crm_plugin.channels.links_apart import apart
from crm_plugin.channels.placeholder_forms import foreign_placeholders
from crm_plugin.channels.shared_checks import constants, cushioned, known, link_problems, severe
from crm_plugin.channels.sms.carrier_rules import carrier_rules, lacks_code
from crm_plugin.channels.sms.template_states import APPROVED
from crm_plugin.channels.sms.templates import canonical, parse, placeholders
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.i18n import Text

TAIL = Text(" Reply STOP to opt out", "end of an SMS")
"""What a marketing SMS ends with, where the carrier adds nothing itself."""
_SIGNATURE = Text("{name}: ", "begin of an SMS")


@dataclass(frozen=True)
class CompiledSms:
    """An SMS template made ready for one campaign."""

    body: Template
    constants: Mapping[str, str]
    slots: tuple[Slot, ...]
    """The template's placeholders, each once, for carriers that fill in themselves."""
    template: str | None = None
    """The carrier's own code of the template."""
    signature: str = ""
    """The name that signs it, where it is not the installation's."""
    shared_links: bool = False
    """The link is one address for everybody, so that clicks on it say nothing of whose they are."""
    targets: tuple[str, ...] = ()

    @property
    def fixed_text(self) -> str:
        """What everybody gets alike; a short link may have been approved in it."""
        return "".join(piece for piece in self.body.pieces if isinstance(piece, str))

    @property
    def variables(self) -> frozenset[str]:
        """See :class:`crm_plugin.channels.base.Compiled`."""
        return self.body.variables

    @property
    def required(self) -> frozenset[str]:
        """See :class:`crm_plugin.channels.base.Compiled`."""
        return self.body.required

    def render(self, recipient: Recipient) -> Message:
        """Return the text for one person.

        :raises BadInput: ``content.no_value``.
        """
        values = recipient.values
        link = values.get("link")
        return Message(
            recipient.key,
            recipient.person,
            recipient.address,
            None,
            self.body.render(values),
            links=[link] if link and "link" in self.variables else [],
            campaign_id=recipient.campaign_id,
            params={slot.name: self._param(slot, values) for slot in self.slots},
            template=self.template,
            signature=self.signature,
            channel="sms",
        )

    def _param(self, slot: Slot, values: Mapping[str, str | None]) -> str:
        fixed = parts.clean(self.constants.get(slot.name) or "")
        return fixed or parts.value_of(slot, values)


class SmsChannel:
    """Reaches people by SMS."""

    name = "sms"
    label = Text("SMS")
    address = "phone"

    def compile(self, content: Mapping[str, Any], purpose: str, context: Context) -> Made:
        """Return the template ready to render, and what is wrong with it or the values given for it."""
        if context.sms is None:
            return Made(None, [_no_template(content)])
        problems = self._template_problems(content, purpose, context.sms, context)
        problems += foreign_placeholders(canonical(context.sms.text), known(content), "template")
        try:
            pieces = _pieces(context.sms, content)
        except BadInput as error:
            return Made(None, [*problems, severe(error)])
        values = constants(content)
        problems += carrier_rules(context, pieces, {**content.get("fallbacks", {}), **values})
        problems += link_problems(parts.names(pieces), content)
        if any(problem.severe for problem in problems):
            return Made(None, problems)
        return Made(_compiled(context.sms, pieces, values, purpose, context), problems)

    def _template_problems(
        self, content: Mapping[str, Any], purpose: str, template: SmsText, context: Context
    ) -> list[Problem]:
        problems = []
        if template.archived and content.get("template_version") is None:
            # What was launched before goes on with the text that it began with.
            problems.append(Problem("campaign.template_archived", "template", {"name": template.name}))
        if template.state != APPROVED and not lacks_code(context):
            facts = {"template": template.key, "state": template.state}
            problems.append(Problem("campaign.template_not_approved", "template", facts))
        if purpose != MARKETING and template.purpose == MARKETING:
            problems.append(Problem("sms.marketing_template", "purpose", {"template": template.key}))
        if purpose == MARKETING != template.purpose and context.sms_rules.needs_template:
            # The carrier sends the text that it approved, and that one has no words of opting out.
            problems.append(Problem("sms.service_template", "purpose", {"template": template.key}))
        return problems

    def carrier(self, crm: Any) -> str:
        """Return the carrier that the setting names."""
        return str(crm.settings.sms_carrier)


def _compiled(
    template: SmsText, pieces: list[Piece], values: Mapping[str, str], purpose: str, context: Context
) -> CompiledSms:
    slots = {piece.name: piece for piece in pieces if isinstance(piece, Slot)}
    whole = [_signature(context), *pieces, *_tail(purpose, template)]
    body = parts.template(apart(whole), values, parts.as_is)
    code = template.carrier_codes.get(context.sms_carrier)
    shared = context.link_mode != "per_recipient"
    return CompiledSms(body, values, tuple(slots.values()), code, template.signature, shared)


def _no_template(content: Mapping[str, Any]) -> Problem:
    key = content.get("template") or ""
    if not key:
        return Problem("campaign.no_template", "template", {})
    return Problem("campaign.unknown_template", "template", {"template": key})


def _pieces(template: SmsText, content: Mapping[str, Any]) -> list[Piece]:
    return cushioned(parse(template.text, known(content)), content)


def _signature(context: Context) -> str:
    own = context.sms.signature if context.sms else ""
    name = parts.clean(own or context.sms_signature or context.site_name)
    locale = context.sms.locale if context.sms else context.locale
    if not name:
        return ""
    return _SIGNATURE.of(locale).format(name=name)


def _tail(purpose: str, template: SmsText) -> list[str]:
    if purpose != MARKETING:
        return []
    tail = TAIL.of(template.locale)
    return [] if template.text.endswith(tail.strip()) else [tail]


def drafted(template: SmsText, context: Context, values: Mapping[str, str]) -> str:
    """Return how a text looks with its signature and opt-out words, whatever its state.

    :raises BadInput: what the parser finds; ``content.no_value``.
    """
    pieces = parse(template.text, placeholders(template.text))
    whole = [_signature(context), *pieces, *_tail(template.purpose, template)]
    return parts.template(apart(whole), {}, parts.as_is).render(values)


def approved_text(template: SmsText) -> str:
    """Return the text as a carrier that fills in itself has to approve it: unsigned, with its opt-out words.

    :raises BadInput: what the parser finds.
    """
    pieces = parse(template.text, placeholders(template.text))
    whole = apart([*pieces, *_tail(template.purpose, template)])
    return "".join(piece if isinstance(piece, str) else f"${{{piece.name}}}" for piece in whole)


SMS = SmsChannel()
