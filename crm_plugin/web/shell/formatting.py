"""How values look on a page: numbers, money, times, ages, masked contacts."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from babel.core import get_global
from babel.dates import format_date, format_datetime, format_timedelta, get_timezone_gmt
from babel.numbers import (
    format_compact_decimal,
    format_currency,
    format_decimal,
    format_percent,
    get_currency_symbol,
)
from flask import g

from crm_plugin.kernel.i18n import SOURCE, Text
from crm_plugin.profiles.store.host_info_cache import own_currency, school_today, school_zone
from crm_plugin.profiles.store.masking import mask_email, mask_phone
from crm_plugin.web.shell.guard import crm
from crm_plugin.web.shell.i18n import locale, plain

_BRITISH = {SOURCE: "en_GB"}
"""English pages write dates and numbers as Britain does; all others as their language does."""


def babel_locale() -> str:
    """Return Babel's name of this request's locale."""
    return _BRITISH.get(locale(), locale())


def zone() -> ZoneInfo:
    """Return the zone that times are shown in: the actor's, else the school's."""
    actor = g.get("crm_actor")
    try:
        return ZoneInfo(actor.timezone) if actor and actor.timezone else school_zone(crm())
    except (KeyError, ValueError, OSError):
        return school_zone(crm())


def zone_name() -> str:
    """Return the zone's name with its present offset, such as ``Asia/Shanghai (GMT+08:00)``."""
    return named_zone(zone())


def named_zone(where: ZoneInfo) -> str:
    """Return what people call a zone: with its present offset, where they have no word of their own."""
    return _zone_at(crm().clock(), where)


_BEIJING = Text("Asia/Shanghai", "time zone")
"""Named as its people call it, where they have a word of their own."""


def _zone_at(value: datetime, where: ZoneInfo) -> str:
    name = plain(_BEIJING) if where.key == _BEIJING else where.key
    if name != where.key:
        return name
    return f"{name} ({get_timezone_gmt(value.astimezone(where), 'long', locale='en')})"


def number(value: float | Decimal | None) -> str:
    """Return a number with its thousands apart; a dash for None."""
    return "–" if value is None else str(format_decimal(value, locale=babel_locale()))


def compact(value: float | Decimal | None) -> str:
    """Return a short form, such as 12K or 1.2万."""
    if value is None:
        return "–"
    return str(format_compact_decimal(value, locale=babel_locale(), fraction_digits=1))


def percent(part: float, whole: float) -> str:
    """Return a share; a dash when there is nothing to share."""
    return "–" if not whole else str(format_percent(part / whole, format="#,##0.#%", locale=babel_locale()))


def money(amount: Decimal | None, currency: str | None) -> str:
    """Return an amount in its currency."""
    if amount is None:
        return "–"
    if not currency:
        return number(amount)
    return _own_sign(str(format_currency(amount, currency, locale=babel_locale())), currency)


def whole_money(amount: Decimal, currency: str | None) -> str:
    """Return an amount in whole units of its currency, for figures that one glances at."""
    return _by_pattern(amount, currency, "¤#,##0") if currency else number(round(amount))


def unit_price(amount: Decimal, currency: str) -> str:
    """Return a price that may cost a part of the smallest coin."""
    return _by_pattern(amount, currency, "¤#,##0.00##")


def _by_pattern(amount: Decimal, currency: str, pattern: str) -> str:
    text = format_currency(amount, currency, pattern, locale=babel_locale(), currency_digits=False)
    return _own_sign(str(text), currency)


def _own_sign(text: str, currency: str) -> str:
    """Leave the country before a currency's sign out, where it is the school's own: ¥ instead of CN¥."""
    sign = str(get_currency_symbol(currency, locale=babel_locale()))
    short = sign.removeprefix(currency[:2])
    own = short and not short.isalpha() and currency == own_currency(crm())
    return text.replace(sign, short) if own else text


def moment(value: datetime | None) -> str:
    """Return date and time in :func:`zone`; a dash for None."""
    if value is None:
        return "–"
    return str(format_datetime(value.astimezone(zone()), plain(_MOMENT), locale=babel_locale()))


def weekdays() -> dict[int, str]:
    """Return day of the week, from Monday = 0 → its short name."""
    return dict(sorted(Locale.parse(babel_locale()).days["stand-alone"]["abbreviated"].items()))


def country(code: str) -> str:
    """Return a country's name; a code that has none as it is."""
    return str(Locale.parse(babel_locale()).territories.get(code.upper(), code))


def language_name(code: str) -> str:
    """Return a language's name in the language of the page."""
    return str(Locale.parse(code.replace("-", "_")).get_display_name(babel_locale()))


def html_language(code: str) -> str:
    """Return what a page's ``lang`` says, such as ``zh-Hans``: its script too, where fonts go by it."""
    _language, script, *_country = get_global("likely_subtags").get(code, f"{code}_Latn").split("_")
    return code if script == "Latn" else f"{code}-{script}"


def in_zone(value: datetime, where: ZoneInfo) -> str:
    """Return date and time by the clocks of a zone, and the zone's name."""
    text = format_datetime(value.astimezone(where), plain(_MOMENT), locale=babel_locale())
    return f"{text} {_zone_at(value, where)}"


_MOMENT = Text("d MMM y, HH:mm", "date pattern")
_DAY = Text("d MMM y", "date pattern")
_MONTH = Text("MMM y", "date pattern")


def clock_time(value: datetime) -> str:
    """Return the time of the day with seconds."""
    return str(format_datetime(value.astimezone(zone()), "HH:mm:ss", locale=babel_locale()))


def day(value: Any) -> str:
    """Return a date; of an instant, the date in :func:`zone`."""
    if value is None:
        return "–"
    if isinstance(value, datetime):
        value = value.astimezone(zone())
    return str(format_date(value, plain(_DAY), locale=babel_locale()))


def month(value: date) -> str:
    """Return the month of a date."""
    return str(format_date(value, plain(_MONTH), locale=babel_locale()))


def today() -> date:
    """Return the present day of the school, by which follow-ups fall due."""
    return school_today(crm())


def ago(value: datetime | None) -> str:
    """Return how long ago an instant was, in words; a dash for None."""
    if value is None:
        return "–"
    gone = value - crm().clock()
    if abs(gone) < timedelta(seconds=5):
        gone = timedelta(seconds=-1)
    return str(format_timedelta(gone, add_direction=True, threshold=1.2, locale=babel_locale()))


def iso(value: datetime) -> str:
    """Return an instant for the ``datetime`` attribute."""
    return value.astimezone(UTC).isoformat(timespec="seconds")


def local_input(value: datetime | None) -> str:
    """Return an instant as the value of an ``<input type=datetime-local>`` in :func:`zone`."""
    return value.astimezone(zone()).strftime("%Y-%m-%dT%H:%M") if value else ""


def seconds(value: float) -> str:
    """Return a duration in words."""
    return str(format_timedelta(timedelta(seconds=value), threshold=1.2, locale=babel_locale()))


def masked(text: str | None) -> str:
    """Return a telephone or address as it is shown to who may not see it in clear."""
    return (mask_email(text) if text and "@" in text else mask_phone(text)) or "–"


def tojson_text(value: Any) -> str:
    """Return a segment as the JSON text of a form's field."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


FILTERS = {
    "tojson_text": tojson_text,
    "number": number,
    "compact": compact,
    "moment": moment,
    "clock_time": clock_time,
    "day": day,
    "ago": ago,
    "iso": iso,
    "html_language": html_language,
    "language_name": language_name,
    "masked": masked,
    "local_input": local_input,
    "seconds": seconds,
}
"""What templates may use as filters."""
