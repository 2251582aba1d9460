"""The books of the campaigns that an automation made, by its steps."""

from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.ledger.states import COUNTED
from crm_plugin.campaigns.models import Campaign, Delivery

KIND = "step"
"""Kind of a campaign that an automation made."""
WAITS_FOR_PERSON = ("paused", "held")


@dataclass(slots=True)
class StepBooks:
    """What became of the messages of one step."""

    campaigns: int = 0
    states: dict[str, int] = field(default_factory=dict)
    """State of the ledger → messages; without ``excluded``."""
    excluded: dict[str, int] = field(default_factory=dict)
    """Reason → people."""

    @property
    def handed_over(self) -> int:
        """Messages that went to a carrier."""
        return sum(number for state, number in self.states.items() if state in COUNTED)


def of_parent(session: Session, parent_id: int) -> dict[int, StepBooks]:
    """Return the books of each step that has sent, by its number."""
    mine = (Campaign.parent_id == parent_id, Campaign.kind == KIND)
    made = sa.select(Campaign.step, sa.func.count()).where(*mine).group_by(Campaign.step)
    found = {step: StepBooks(number) for step, number in session.execute(made) if step is not None}
    rows = (
        sa.select(Campaign.step, Delivery.state, Delivery.reason, sa.func.count())
        .join(Delivery, Delivery.campaign_id == Campaign.id)
        .where(*mine)
        .group_by(Campaign.step, Delivery.state, Delivery.reason)
    )
    for step, state, reason, number in session.execute(rows):
        if step is None:
            continue
        if state == "excluded":
            found[step].excluded[reason or ""] = number
        else:
            found[step].states[state] = found[step].states.get(state, 0) + number
    return found


def stuck(session: Session, parent_id: int) -> list[tuple[int, str, str | None]]:
    """Return (id, state, reason) of the campaigns of an automation that wait for a person."""
    query = sa.select(Campaign.id, Campaign.state, Campaign.reason).where(
        *(Campaign.parent_id == parent_id, Campaign.kind == KIND),
        Campaign.state.in_(WAITS_FOR_PERSON),
    )
    return [(ident, state, reason) for ident, state, reason in session.execute(query.order_by(Campaign.id))]
