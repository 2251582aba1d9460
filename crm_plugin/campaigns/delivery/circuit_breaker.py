"""Trouble with a carrier, counted for a campaign over all its workers; enough of it pauses the campaign.

Three things pause it. Messages in a row that the carrier could not take now. A share of answers that were
failures or refusals. And refusals in a row that are all alike without one success between them: whatever
their words say, so many addresses do not go bad at once. Their rows may then be sent again, as they may have
been refused for our sake. An answer that only the moment is wrong is no failure; it takes one refusal off the
row, as a server that asks to come later for some (greylisting) does not refuse all alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.ledger import campaign_states
from crm_plugin.campaigns.ledger.states import move
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.channels.base import Receipt
from crm_plugin.host.permissions import SYSTEM
from crm_plugin.kernel.audit import record
from crm_plugin.kernel.settings import Settings

REASON = "carrier_failing"
ALIKE = "refused_alike"
LATELY = 400
"""Answers after which the older ones count half."""
ENOUGH = 100
"""Answers below which a share says nothing."""
OURS = ("bad_address", "no_email")
"""Reasons of refusals that no carrier was asked about."""


@dataclass(slots=True)
class Trouble:
    """What is to be counted: answers of one or more micro-batches."""

    answered: int
    failed: int
    """Failures and refusals."""
    in_row: int
    """Failures at the end."""
    only_failures: bool = False
    """No answer among them ends a row of failures: it goes on."""
    alike: str | None = None
    """The reason of the last refusal."""
    alike_in_row: int = 0
    """Refusals with that reason at the end."""
    only_alike: bool = False
    """There was no other answer: the row goes on."""
    later: int = 0
    """Answers beside them that only the moment is wrong."""
    words: str = ""
    """What the carrier said last."""


class Watch:
    """One worker's view of its campaign's carrier: while all is well it does not read the database."""

    def __init__(self) -> None:
        self._calm = 0
        self.failing = False
        """A count of failures or refusals in a row is not 0, as the last marking saw it."""

    def see(self, receipts: Sequence[Receipt]) -> Trouble | None:
        """Look at the answers of a micro-batch; return what is to be written down, if anything."""
        answers = [receipt for receipt in receipts if _speaks(receipt)]
        if not answers:
            return None
        if not self.failing and all(receipt.status == "accepted" for receipt in answers):
            self._calm += len(answers)
            return None
        calm, self._calm, self.failing = self._calm, 0, True
        found = Trouble(calm + len(answers), sum(one.status != "accepted" for one in answers), 0)
        _count_failures(found, answers, calm)
        _count_alike(found, answers, calm)
        found.later = sum(receipt.busy for receipt in receipts)
        return found


def _speaks(receipt: Receipt) -> bool:
    """Return whether an answer says anything about the carrier, or about us."""
    if receipt.busy or (receipt.status == "rejected" and receipt.reason in OURS):
        return False
    return receipt.status in ("accepted", "rejected", "unavailable", "unknown")


def _is_failure(receipt: Receipt) -> bool:
    return receipt.status in ("unavailable", "unknown") or not receipt.permanent


def _count_failures(found: Trouble, answers: Sequence[Receipt], calm: int) -> None:
    """Count the failures at the end; a refusal for good neither counts nor ends their row."""
    telling = [one for one in answers if one.status == "accepted" or _is_failure(one)]
    taken = [one.status == "accepted" for one in telling]
    found.in_row = taken[::-1].index(True) if any(taken) else len(taken)
    found.only_failures = not calm and not any(taken)


def _count_alike(found: Trouble, answers: Sequence[Receipt], calm: int) -> None:
    """Count the refusals at the end that have one reason."""
    last = answers[-1]
    if last.status == "accepted":
        return
    found.alike, found.words = (last.reason or last.status)[:64], last.words
    for one in reversed(answers):
        if one.status == "accepted" or (one.reason or one.status)[:64] != found.alike:
            return
        found.alike_in_row += 1
    found.only_alike = not calm


def note(session: Session, settings: Settings, campaign_id: int, trouble: Trouble, at: datetime) -> bool:
    """Count it, in the transaction that settles; return whether the campaign was paused for it."""
    counts = _counted(session, campaign_id, trouble)
    statement = sa.update(Campaign).where(Campaign.id == campaign_id).values(**counts)
    session.execute(statement.execution_options(synchronize_session=False))
    reason = _reason(settings, counts)
    if reason is None:
        return False
    still = Campaign.state.in_(campaign_states.ACTIVE)
    paused = campaign_states.change(session, campaign_id, "pause", still, reason=reason)
    if paused:
        record(session, at, SYSTEM.id, "campaign.pause", ("campaign", campaign_id), reason=reason)
        _doubt(session, campaign_id, counts["refused_alike"])
    return paused


def _counted(session: Session, campaign_id: int, trouble: Trouble) -> dict[str, Any]:
    """Return the campaign's counts with this trouble in them, its row locked."""
    query = sa.select(
        Campaign.failed_in_row, Campaign.lately_answered, Campaign.lately_failed,
        Campaign.refused_alike, Campaign.refused_in_row, Campaign.last_words,
    ).where(Campaign.id == campaign_id)  # fmt: skip
    before = session.execute(query.with_for_update()).one()
    answered, failed = before.lately_answered + trouble.answered, before.lately_failed + trouble.failed
    if answered > LATELY:
        answered, failed = answered // 2, failed // 2
    goes_on = trouble.only_alike and before.refused_alike == trouble.alike
    in_row = trouble.alike_in_row + (before.refused_in_row if goes_on else 0)
    return {
        "failed_in_row": trouble.in_row + (before.failed_in_row if trouble.only_failures else 0),
        "lately_answered": answered,
        "lately_failed": failed,
        "refused_alike": trouble.alike,
        "refused_in_row": max(0, in_row - trouble.later),
        "last_words": trouble.words or before.last_words,
    }


def _reason(settings: Settings, counts: dict[str, Any]) -> str | None:
    """Return why a campaign with these counts has to stop; None: it goes on."""
    enough, share = settings.pause_after_failures, settings.pause_failure_percent
    if counts["failed_in_row"] >= enough:
        return REASON
    if counts["refused_in_row"] >= enough:
        return ALIKE
    answered, failed = counts["lately_answered"], counts["lately_failed"]
    return REASON if share and answered >= ENOUGH and failed * 100 >= share * answered else None


def _doubt(session: Session, campaign_id: int, reason: str | None) -> None:
    """Let rows that were refused for a reason that is in doubt be sent again."""
    if reason is not None:
        mine = (Delivery.campaign_id == campaign_id, Delivery.reason == reason)
        move(session, "doubt", ["failed_permanent"], "failed_transient", *mine)
