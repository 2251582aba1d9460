"""How a launch would go in time: how long it takes at its rates, and whether that is too late."""

from datetime import timedelta

from crm_plugin.campaigns.models import Campaign
from crm_plugin.campaigns.policy.campaign_policy import Policy
from crm_plugin.channels.base import Problem
from crm_plugin.channels.registry import CHANNELS
from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import CrmError
from crm_plugin.kernel.rates import read_rate


def seconds(crm: Crm, campaign: Campaign, messages: int) -> float | None:
    """Return how long so many messages take at the slowest rate that binds the campaign; None without one.

    Limits by domain are left out: they hold back a part of the messages only.
    """
    rates = [n / span for n, span in _rates(crm, campaign)]
    return messages / min(rates) if rates and messages else None


def _rates(crm: Crm, campaign: Campaign) -> list[tuple[int, ...]]:
    own = Policy.of(campaign.policy).rate
    carrier = CHANNELS[campaign.channel].carrier(crm)
    names = (f"channel:{campaign.channel}", f"carrier:{carrier}")
    found: list[tuple[int, ...]] = [own] if own else []
    found += [read_rate(rate) for name, rate in crm.settings.rate_limits.items() if name in names]
    per_minute = _per_minute(crm) if carrier == "host" else None
    return [*found, (per_minute, 60)] if per_minute else found


def _per_minute(crm: Crm) -> int | None:
    try:
        return crm.host.info.message_per_minute
    except CrmError:
        return None


def problems(crm: Crm, campaign: Campaign, takes: float | None) -> list[Problem]:
    """Return what is wrong with a campaign's times.

    :param takes: seconds that the sending lasts.
    """
    now, expires = crm.clock(), Policy.of(campaign.policy).expires_at
    start = campaign.planned_at or now
    found = []
    if start < now - timedelta(minutes=crm.settings.late_start_minutes):
        found.append(Problem("campaign.planned_past", "at"))
    if expires is not None and expires <= max(start, now):
        found.append(Problem("campaign.expires_first", "policy.expires_at"))
    elif expires is not None and takes and max(start, now) + timedelta(seconds=takes) > expires:
        found.append(Problem("campaign.too_slow", "policy.expires_at", severe=False))
    return found
