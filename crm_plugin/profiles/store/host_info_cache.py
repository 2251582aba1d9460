"""The school's facts as a worker last read them, and what goes by them: its zone and its currency.

A page never asks the school for them. Its word counts before our settings: hosts without a word of their
own, such as Moodle, take theirs from the settings.
"""

import json
from dataclasses import asdict
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.host.records import HostInfo
from crm_plugin.kernel.errors import Unavailable
from crm_plugin.kernel.key_value import keep, kept
from crm_plugin.kernel.settings import Settings

_NAME = "school.facts"


def store(crm: Crm) -> None:
    """Keep what the school says of itself, for the processes that serve pages.

    :raises Unavailable: when it says nothing.
    """
    facts = json.loads(json.dumps(asdict(crm.host.refresh_info())))

    def work(session: Session) -> None:
        if kept(session, _NAME) != facts:
            keep(session, _NAME, facts)

    crm.db.run(work)


def host_info(crm: Crm) -> HostInfo | None:
    """Return the school's facts, None when it does not answer."""
    try:
        return crm.host.info
    except Unavailable:
        return None


def school_zone(crm: Crm) -> ZoneInfo:
    """Return the school's zone: what it says itself, else the setting."""
    info = host_info(crm)
    return ZoneInfo(info.timezone) if info else crm.settings.zone


def school_today(crm: Crm) -> date:
    """Return the present day of the school."""
    return crm.clock().astimezone(school_zone(crm)).date()


def own_currency(crm: Crm) -> str:
    """Return the school's own currency, which sums of money are in: its word, else the setting.

    Empty when nobody said. Orders in other currencies are kept and left out of the sums.
    """
    info = host_info(crm)
    return (info.currency if info else None) or crm.settings.host_currency


def region_of(crm: Crm) -> str:
    """Return the country by which telephones without a country code are read; empty when nobody says."""
    if crm.settings.host_region:
        return crm.settings.host_region
    info = host_info(crm)
    return (info.region if info else None) or ""


def contradicted(crm: Crm, info: HostInfo) -> list[tuple[str, str]]:
    """Return (setting, the school's word) where both name a zone or a currency, and not the same.

    The zone of the settings is never empty; its default contradicts nobody.
    """
    settings, usual = crm.settings, Settings()
    words = {"host_timezone": info.timezone, "host_currency": info.currency}
    return [
        (name, word)
        for name, word in words.items()
        if word and getattr(settings, name) not in (getattr(usual, name), word)
    ]


def stored(crm: Crm) -> HostInfo | None:
    """Return the facts that a worker stored, for the gateway of a process of pages.

    Before any worker has read the school there are none, and conditions are decided without them.
    """
    try:
        with crm.db.read() as session:
            facts = kept(session, _NAME)
    except SQLAlchemyError:
        # No tables yet, or no database: the page itself says so.
        return None
    return None if facts is None else HostInfo(**facts)
