"""Trouble with a carrier, counted for a campaign over all its workers; enough of it pauses the campaign.

Only answers that say something about the carrier count: messages it took, and messages it could not take
now. A permanent refusal says something about one address.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.launch import lifecycle
from crm_plugin.campaigns.models import Campaign
from crm_plugin.channels.base import Receipt
from crm_plugin.host.permissions import SYSTEM
from crm_plugin.kernel.audit import record
from crm_plugin.kernel.settings import Settings

REASON = "carrier_failing"
LATELY = 400
"""Answers after which the older ones count half."""
ENOUGH = 100
"""Answers below which a share says nothing."""


@dataclass(slots=True)
class Trouble:
    """What is to be counted: answers of one or more micro-batches."""

    answered: int
    failed: int
    in_row: int
    """Failures at the end."""


class Watch:
    """One worker's view of its campaign's carrier: while all is well it does not read the database."""

    def __init__(self) -> None:
        self._calm = 0
        self.failing = False
        """The count of failures in a row is not 0, as the last marking saw it."""

    def see(self, receipts: Sequence[Receipt]) -> Trouble | None:
        """Look at the answers of a micro-batch; return what is to be written down, if anything."""
        answers = [receipt.status == "accepted" for receipt in receipts if _speaks(receipt)]
        if not answers:
            return None
        if all(answers) and not self.failing:
            self._calm += len(answers)
            return None
        calm, self._calm, self.failing = self._calm, 0, True
        in_row = answers[::-1].index(True) if any(answers) else len(answers)
        return Trouble(calm + len(answers), answers.count(False), in_row)


def _speaks(receipt: Receipt) -> bool:
    if receipt.status == "rejected":
        return not receipt.permanent
    return receipt.status in ("accepted", "unavailable", "unknown")


def note(session: Session, settings: Settings, campaign_id: int, trouble: Trouble, at: datetime) -> bool:
    """Count it, in the transaction that settles; return whether the campaign was paused for it."""
    columns = (Campaign.failed_in_row, Campaign.lately_answered, Campaign.lately_failed)
    query = sa.select(*columns).where(Campaign.id == campaign_id).with_for_update()
    before = session.execute(query).one()
    in_row = trouble.in_row + (before[0] if trouble.in_row == trouble.answered else 0)
    answered, failed = before[1] + trouble.answered, before[2] + trouble.failed
    if answered > LATELY:
        answered, failed = answered // 2, failed // 2
    counts = {"failed_in_row": in_row, "lately_answered": answered, "lately_failed": failed}
    statement = sa.update(Campaign).where(Campaign.id == campaign_id).values(**counts)
    session.execute(statement.execution_options(synchronize_session=False))
    share = settings.pause_failure_percent
    many = bool(share) and answered >= ENOUGH and failed * 100 >= share * answered
    if in_row < settings.pause_after_failures and not many:
        return False
    paused = lifecycle.change(
        session, campaign_id, "pause", Campaign.state.in_(lifecycle.ACTIVE), reason=REASON
    )
    if paused:
        record(session, at, SYSTEM.id, "campaign.pause", ("campaign", campaign_id), reason=REASON)
    return paused
