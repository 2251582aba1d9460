"""How a launch would go in time: how long it takes at its rates, and whether that is too late."""

from datetime import datetime, timedelta

from crm_plugin.campaigns.policy.campaign_policy import Policy
from crm_plugin.campaigns.prepared_campaign import per_minute
from crm_plugin.channels.base import Problem
from crm_plugin.channels.registry import CHANNELS
from crm_plugin.host.context import Crm
from crm_plugin.kernel.rates import read_rate


def seconds(crm: Crm, channel: str, policy: Policy, messages: int) -> float | None:
    """Return how long so many messages take at the slowest rate that binds a campaign; None without one.

    Limits by domain are left out: they hold back a part of the messages only.
    """
    rates = [n / span for n, span in _rates(crm, channel, policy)]
    return messages / min(rates) if rates and messages else None


def _rates(crm: Crm, channel: str, policy: Policy) -> list[tuple[int, ...]]:
    carrier = CHANNELS[channel].carrier(crm)
    names = (f"channel:{channel}", f"carrier:{carrier}")
    found: list[tuple[int, ...]] = [policy.rate] if policy.rate else []
    found += [read_rate(rate) for name, rate in crm.settings.rate_limits.items() if name in names]
    by_school = per_minute(crm, carrier)
    return [*found, (by_school, 60)] if by_school else found


def problems(crm: Crm, planned_at: datetime | None, policy: Policy, takes: float | None) -> list[Problem]:
    """Return what is wrong with a campaign's times.

    :param takes: seconds that the sending lasts.
    """
    now, expires = crm.clock(), policy.expires_at
    start = planned_at or now
    found = []
    if start < now - timedelta(minutes=crm.settings.late_start_minutes):
        found.append(Problem("campaign.planned_past", "at"))
    if expires is not None and expires <= max(start, now):
        found.append(Problem("campaign.expires_first", "policy.expires_at"))
    elif expires is not None and takes and max(start, now) + timedelta(seconds=takes) > expires:
        found.append(Problem("campaign.too_slow", "policy.expires_at", severe=False))
    return found
