"""The reach of a segment as the People page shows it: five numbers, each of which opens its people."""

from dataclasses import dataclass
from typing import Any

from crm_plugin.campaigns.launch.reach import Funnel, reach_of
from crm_plugin.channels.registry import CHANNELS
from crm_plugin.kernel.errors import CrmError
from crm_plugin.kernel.i18n import Text
from crm_plugin.profiles.consent.channels import address_kind
from crm_plugin.web.people.list_state import Place
from crm_plugin.web.shell.guard import crm
from crm_plugin.web.shell.i18n import explain, say

_ADDRESS = {
    "phone": Text("Active, with a telephone"),
    "email": Text("Active, with an e-mail address"),
    "person": Text("Active in the school"),
}
_LABELS = {
    "matched": Text("Match the conditions"),
    "allowed": Text("Not opted out, with consent"),
    "reached": Text("Will get it, one per address"),
}


@dataclass(frozen=True)
class Step:
    """A number on the way."""

    label: str
    count: int
    lost: int
    """People who are lost at this step."""
    href: str
    current: bool


NOT_ASKED: dict[str, Any] = {"channels": CHANNELS, "steps": [], "reach_problem": "", "reach_as_of": None}
"""What the template needs where no channel is asked for."""


def shown(place: Place) -> dict[str, Any]:
    """Return what the template needs: the numbers of the chosen channel."""
    try:
        found = reach_of(crm(), place.search, place.channel, place.days)
    except CrmError as error:
        return {**NOT_ASKED, "reach_problem": explain(error, placed=False)}
    return {**NOT_ASKED, "steps": _steps(found, place), "reach_as_of": found.as_of}


def _steps(found: Funnel, place: Place) -> list[Step]:
    made = []
    before = found.steps["matched"]
    for name, count in found.steps.items():
        href = place.address(step=name, after=None) + "#results"
        made.append(Step(_label(name, found), count, before - count, href, name == place.step))
        before = count
    return made


def _label(name: str, found: Funnel) -> str:
    if name == "address":
        return say(_ADDRESS[address_kind(found.channel)])
    if name == "rested":
        return say("No marketing in the last %(days)s days", days=found.days)
    return say(_LABELS[name])
