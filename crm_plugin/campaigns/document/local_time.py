"""Times that people plan by: a date and a time of day in a zone that has a name."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from crm_plugin.kernel.errors import BadInput, Clause


def zone_named(name: str, place: str = "zone") -> ZoneInfo:
    """Return the zone with an IANA name.

    :raises BadInput: ``campaign.unknown_zone``.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise BadInput("campaign.unknown_zone", place, zone=name[:64]) from None


def instant(text: str, zone: ZoneInfo, place: str = "at") -> datetime:
    """Return the instant, in UTC, at which a zone's clocks show a date and time.

    Where clocks are put back and show it twice, the first of both is meant.

    :param text: ISO 8601 without an offset, such as ``2026-03-01T09:00``.
    :raises BadInput: ``campaign.bad_value`` for no such text; ``campaign.no_such_time`` when the zone's
        clocks skip it, because they are put forward.
    """
    try:
        local = datetime.fromisoformat(text).replace(tzinfo=zone)
        meant = local.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadInput("campaign.bad_value", place, reason=Clause("expected a date and a time")) from None
    if meant.astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise BadInput("campaign.no_such_time", place, time=text, zone=zone.key)
    return meant
