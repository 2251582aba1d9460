"""What the SMS of an audience cost: segments after filling in, price a segment by the setting."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from crm_plugin.channels.base import Message
from crm_plugin.channels.sms.channel import CompiledSms
from crm_plugin.channels.sms.message_parts import measure
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.settings import Settings

LONGEST_CODE = "k7WQp2mXv9RtLeC"
"""A short code as long as they get with millions of messages (13 to 15 letters)."""
_PRICE = re.compile(r"(\d{1,6}(?:\.\d{1,6})?) ?([A-Z]{3})")


@dataclass(frozen=True, slots=True)
class Price:
    """What one segment costs."""

    amount: Decimal
    currency: str
    """ISO 4217."""


@dataclass(slots=True)
class Tally:
    """Segments of the texts that were counted."""

    people: int = 0
    segments: int = 0
    worst: int = 0
    """Segments of the longest text."""
    ucs2: int = 0
    """How many texts have 70 characters of room: a letter is outside GSM-7, or they go to mainland China."""


def price_of(settings: Settings) -> Price | None:
    """Return the price of a segment; None when it is not set.

    :raises BadInput: ``settings.bad_value``.
    """
    if not settings.sms_price:
        return None
    found = _PRICE.fullmatch(settings.sms_price.strip())
    if found is None:
        expected = "an amount and a currency such as 0.045 CNY"
        raise BadInput("settings.bad_value", name="sms_price", value=settings.sms_price, expected=expected)
    return Price(Decimal(found[1]), found[2])


MAINLAND = "+86"
"""How numbers of mainland China begin."""


def billed_parts(message: Message, by_place: bool) -> int:
    """Return how many parts of an SMS a carrier bills.

    :param by_place: the carrier counts otherwise in mainland China.
    """
    return measure(message.text, by_place and message.address.startswith(MAINLAND)).segments


def count(compiled: CompiledSms, people: Iterable[tuple[Mapping[str, str | None], bool]]) -> Tally:
    """Measure the texts of people, rendered as they go out; people without a value are left out.

    :param people: the values of each, and whether they are billed as mainland China is.
    """
    tally = Tally()
    for values, mainland in people:
        try:
            length = measure(compiled.body.render(values), mainland)
        except BadInput:
            continue
        tally.people += 1
        tally.segments += length.segments
        tally.worst = max(tally.worst, length.segments)
        tally.ucs2 += length.encoding == "UCS-2"
    return tally
