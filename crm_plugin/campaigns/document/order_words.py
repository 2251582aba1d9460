"""Words about a person's unpaid order, and about the price of a campaign's course, as at sending."""

from collections.abc import Collection, Iterable
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa
from babel.core import UnknownLocaleError
from babel.dates import format_datetime
from babel.numbers import format_currency
from sqlalchemy.orm import Session

from crm_plugin.campaigns.policy.word_columns import AMOUNT, CLOSES, PRICE, unpaid
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.bulk import among
from crm_plugin.kernel.i18n import SOURCE
from crm_plugin.profiles.models.school import Course, Order
from crm_plugin.profiles.store.host_info_cache import host_info, school_zone


def values(
    crm: Crm, session: Session, course: str, people: Collection[int], words: Iterable[str]
) -> dict[int, dict[str, str | None]]:
    """Return person → word → text, as they are now."""
    wanted = set(words)
    everybody = {PRICE: _price(crm, session, course)} if PRICE in wanted else {}
    found: dict[int, dict[str, str | None]] = {ident: dict(everybody) for ident in people}
    if wanted & {AMOUNT, CLOSES} and people:
        columns = (Order.person_id, Order.amount, Order.currency, Order.closes_at)
        query = unpaid(course, *columns).where(among(session, Order.person_id, people))
        for person_id, amount, currency, closes_at in session.execute(
            query.order_by(Order.created_at, Order.id)
        ):
            mine = {AMOUNT: _money(crm, amount, currency), CLOSES: _moment(crm, closes_at)}
            found[person_id].update({word: text for word, text in mine.items() if word in wanted})
    return found


def _price(crm: Crm, session: Session, course: str) -> str | None:
    named = sa.select(Course.price, Course.currency).where(Course.host_id == course)
    row = session.execute(named).first()
    if row is None or row.price is None:
        return None
    return _money(crm, row.price, row.currency or "")


def _money(crm: Crm, amount: Decimal, currency: str) -> str:
    return str(format_currency(amount, currency, locale=_locale(crm)))


def _moment(crm: Crm, at: datetime | None) -> str | None:
    if at is None:
        return None
    return str(format_datetime(at.astimezone(school_zone(crm)), "medium", locale=_locale(crm)))


def _locale(crm: Crm) -> str:
    """Return the language of the school, in which its texts are."""
    info = host_info(crm)
    locale = (info.locale if info else SOURCE).replace("-", "_")
    try:
        format_datetime(datetime(2026, 1, 1), locale=locale)
    except (UnknownLocaleError, ValueError):
        return SOURCE
    return locale
