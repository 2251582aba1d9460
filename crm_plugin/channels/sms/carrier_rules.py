"""What an SMS carrier demands of a template and of the values for it, checked before a launch."""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from crm_plugin.channels import content as parts
from crm_plugin.channels.base import Context, Problem, SmsText
from crm_plugin.channels.carrier_capabilities import Capabilities, LinkMode
from crm_plugin.channels.content import Piece, Slot
from crm_plugin.channels.sms.templates import parse, placeholders

_ADDRESS = re.compile(r"https?://|www\.", re.IGNORECASE)


def carrier_rules(context: Context, pieces: Sequence[Piece], values: Mapping[str, str]) -> list[Problem]:
    """Return what the carrier would refuse.

    :param pieces: of the template.
    :param values: the campaign's own, for everybody or for those who have none.
    """
    used = {name: values[name] for name in sorted(parts.names(list(pieces))) if name in values}
    links = link_rules(pieces, used, context.link_mode, context.sms_rules, context.sms_carrier)
    return _code(context) + links + _lengths(context, used)


def lacks_code(context: Context) -> bool:
    """Report that the carrier fills in approved texts of its own, and has given this one no code."""
    template = context.sms
    if template is None or not context.sms_rules.needs_template:
        return False
    return not template.carrier_codes.get(context.sms_carrier)


def _code(context: Context) -> list[Problem]:
    template = context.sms
    if template is None or not lacks_code(context):
        return []
    facts = {"template": template.key, "carrier": context.sms_carrier}
    return [Problem("sms.no_template_code", "template", facts)]


def link_rules(
    pieces: Sequence[Piece], used: Mapping[str, str], mode: LinkMode, rules: Capabilities, carrier: str
) -> list[Problem]:
    """Return what the contract says of the links in a text, and what its way of linking costs.

    :param used: values that are the same for everybody.
    """
    names = [name for name in parts.ADDRESSES if name in parts.names(list(pieces))]
    if mode == "per_recipient":
        return []
    facts = {"carrier": carrier}
    if mode == "per_campaign" and not rules.needs_template:
        # The carrier takes our text: one address for all may be filled in, one for each person not.
        personal = [name for name in names if name != "link"]
        found = [Problem("sms.personal_link", "template", {**facts, "name": name}) for name in personal]
        return [*found, *([Problem("sms.shared_link", "link", severe=False)] if "link" in names else [])]
    names += [name for name, value in used.items() if _ADDRESS.search(value)]
    found = [Problem("sms.personal_link", "template", {**facts, "name": name}) for name in names]
    if _ADDRESS.search("".join(piece for piece in pieces if isinstance(piece, str))):
        severe = mode == "none"
        code = "sms.no_links" if severe else "sms.shared_link"
        found.append(Problem(code, "template", facts if severe else {}, severe))
    return found


def _lengths(context: Context, used: Mapping[str, str]) -> list[Problem]:
    longest = context.sms_rules.longest_value
    if longest is None:
        return []
    facts = {"carrier": context.sms_carrier, "limit": longest}
    return [
        Problem("sms.value_too_long", f"variables.{name}", {**facts, "name": name})
        for name, value in used.items()
        if len(value) > longest
    ]


def text_rules(template: SmsText, text: str, rules: Capabilities, carrier: str) -> list[Problem]:
    """Return what a carrier would refuse of a text when it is handed in.

    :param text: as it is handed in.
    :raises BadInput: what the parser finds.
    """
    if not rules.needs_template:
        return []
    pieces = parse(text, placeholders(text))
    names = [piece.name for piece in pieces if isinstance(piece, Slot)]
    facts = {"carrier": carrier}
    found = []
    if rules.longest_text is not None and len(text) > rules.longest_text:
        found.append(Problem("sms.text_too_long", "text", {**facts, "limit": rules.longest_text}))
    if rules.apart and any(isinstance(a, Slot) and isinstance(b, Slot) for a, b in pairwise(pieces)):
        found.append(Problem("sms.placeholders_touch", "text", facts))
    if rules.once and len(set(names)) < len(names):
        found.append(Problem("sms.placeholder_twice", "text", facts))
    if not rules.brackets and re.search("[【】]", template.text):
        found.append(Problem("sms.brackets", "text", facts))
    return found
