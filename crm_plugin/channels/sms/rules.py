"""What an SMS carrier demands of a template and of the values for it, checked before a launch."""

import re
from collections.abc import Mapping, Sequence

from crm_plugin.channels import content as parts
from crm_plugin.channels.base import Context, Problem
from crm_plugin.channels.content import Piece

_ADDRESS = re.compile(r"https?://|www\.", re.IGNORECASE)


def carrier_rules(context: Context, pieces: Sequence[Piece], values: Mapping[str, str]) -> list[Problem]:
    """Return what the carrier would refuse.

    :param pieces: of the template.
    :param values: the campaign's own, the same for everybody.
    """
    used = {name: values[name] for name in sorted(parts.names(list(pieces))) if name in values}
    return _code(context) + _links(context, pieces, used) + _lengths(context, used)


def _code(context: Context) -> list[Problem]:
    template = context.sms
    if template is None or not context.sms_rules.needs_template:
        return []
    if template.carrier_codes.get(context.sms_carrier):
        return []
    facts = {"template": template.key, "carrier": context.sms_carrier}
    return [Problem("sms.no_template_code", "template", facts)]


def _links(context: Context, pieces: Sequence[Piece], used: Mapping[str, str]) -> list[Problem]:
    if context.link_mode == "per_recipient":
        return []
    names = [name for name in parts.ADDRESSES if name in parts.names(list(pieces))]
    names += [name for name, value in used.items() if _ADDRESS.search(value)]
    facts = {"carrier": context.sms_carrier}
    found = [Problem("sms.personal_link", "template", {**facts, "name": name}) for name in names]
    literal = "".join(piece for piece in pieces if isinstance(piece, str))
    if context.link_mode == "none" and _ADDRESS.search(literal):
        found.append(Problem("sms.no_links", "template", facts))
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
