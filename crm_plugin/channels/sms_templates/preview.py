"""How a template looks filled in, how long that is, and how long it may become; nothing is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from crm_plugin.channels import service
from crm_plugin.channels.base import Problem, SmsText
from crm_plugin.channels.carrier_capabilities import LinkMode, link_mode_of
from crm_plugin.channels.sms.channel import drafted
from crm_plugin.channels.sms.cost import LONGEST_CODE, Price, price_of
from crm_plugin.channels.sms.message_parts import Length, extensions, foreign, measure, room
from crm_plugin.channels.sms.templates import declared, placeholders
from crm_plugin.channels.sms_templates import approval
from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.i18n import Text

EXAMPLES: Mapping[str, Text] = {
    "username": Text("alexm", "example"),
    "display_name": Text("Alex", "example"),
    "real_name": Text("Alex Morgan", "example"),
    "course_title": Text("Calculus I", "example"),
    "class_title": Text("Autumn class", "example"),
}
"""What stands in for people and courses; declared variables have examples of their own."""
LONG: Mapping[str, int] = {
    **{"username": 20, "display_name": 20, "real_name": 20},
    **{"course_title": 30, "class_title": 30},
}
"""Letters that are long for a value, yet happen; a declared variable counts twice its example."""
LONG_VALUE = 20
_LETTER = Text("x", "any letter of the language")


@dataclass(frozen=True, slots=True)
class Look:
    """One text, filled in with examples."""

    text: str
    length: Length
    room: int
    """Plain characters until one more segment is needed."""
    worst: Length
    """With long values at every placeholder."""
    double: list[str]
    """Letters that take two places of a GSM-7 text."""
    odd: list[str]
    """Letters that make the text UCS-2, and so its segments short."""
    link_mode: LinkMode
    price: Price | None
    problems: list[Problem] = field(default_factory=list)
    """What the carrier in use would refuse."""


def look(crm: Crm, template: SmsText) -> Look:
    """Return how a template looks at the carrier in use.

    :raises BadInput: what the parser finds in its text; ``settings.bad_value``.
    """
    with crm.db.read() as session:
        context = service.with_sms(crm, service.context(crm, session, {}), template)
    text = drafted(template, context, _values(crm, template))
    mainland = service.is_mainland(crm)
    length = measure(text, mainland)
    return Look(
        text=text,
        length=length,
        room=room(length),
        worst=measure(drafted(template, context, _long_values(crm, template)), mainland),
        double=[] if mainland else extensions(text),
        odd=[] if mainland else foreign(text),
        link_mode=link_mode_of(crm.settings, approval.rules_of(crm)),
        price=price_of(crm.settings),
        problems=approval.problems(crm, template),
    )


def segments(crm: Crm, some: Sequence[SmsText]) -> dict[str, int]:
    """Return the segments of templates as they go out, filled in with examples, by their keys."""
    with crm.db.read() as session:
        common = service.context(crm, session, {})
    mainland, found = service.is_mainland(crm), {}
    for template in some:
        context = service.with_sms(crm, common, template)
        try:
            text = drafted(template, context, _values(crm, template))
        except BadInput:
            text = template.text
        found[template.key] = measure(text, mainland).segments
    return found


def _values(crm: Crm, template: SmsText) -> dict[str, str]:
    known = {name: text.of(template.locale) for name, text in EXAMPLES.items()}
    public = crm.settings.public_url.rstrip("/")
    own = {name: template.examples.get(name) or f"({name})" for name in declared(template.text)}
    return {
        **known,
        "link": f"{public}/r/{LONGEST_CODE}",
        "unsubscribe": f"{public}/u/sms-{LONGEST_CODE}{LONGEST_CODE[:8]}",
        **own,
    }


def _long_values(crm: Crm, template: SmsText) -> dict[str, str]:
    letter = _LETTER.of(template.locale)
    values = _values(crm, template)
    for name in placeholders(template.text):
        if name in LONG:
            values[name] = letter * LONG[name]
        elif name not in ("link", "unsubscribe"):
            values[name] = letter * max(2 * len(template.examples.get(name, "")), LONG_VALUE)
    return values
