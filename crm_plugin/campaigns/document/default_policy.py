"""The policy that is proposed for a new draft, by the school's region; a person may change all of it."""

from typing import Any

from crm_plugin.campaigns.policy.rules import FIELDS
from crm_plugin.host.context import Crm
from crm_plugin.profiles.store.host_info_cache import region_of

QUIET: dict[str, tuple[str, str]] = {
    "": ("21:00", "08:00"),
    "US": ("21:00", "08:00"),  # 47 CFR 64.1200(c)(1): not before 8 and not after 21 o'clock
    "IN": ("21:00", "10:00"),  # TRAI, TCCCP Regulations 2018: by default from 10 to 21 o'clock
    "CN": ("21:00", "09:00"),  # no rule, the custom of the trade
}
"""Region (ISO 3166) → hours of the recipient's clock in which marketing waits; empty = anywhere else."""


def proposed(crm: Crm, purpose: str = "marketing") -> dict[str, Any]:
    """Return the policy for a new draft; what somebody needs for their course is not held up."""
    if purpose != "marketing":
        return {}
    since, until = QUIET.get(region_of(crm).upper(), QUIET[""])
    numbers = {one.key: one.proposed for one in FIELDS if one.proposed is not None}
    return {**numbers, "quiet_hours": {"from": since, "to": until}}
