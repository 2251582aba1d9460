"""Interested people: their acts, what those speak for, and the intention that staff set by hand."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from crm_plugin.boards.board.columns import acts
from crm_plugin.boards.board.columns.acts import Act
from crm_plugin.boards.board.columns.asked import Asked
from crm_plugin.profiles.facts.intent_score import NOTHING, Suggestion, suggest_for
from crm_plugin.profiles.staff.purchase_intent import ByHand, of_course


@dataclass(frozen=True)
class Interest:
    """What somebody did about the course, and how much that speaks for."""

    acts: list[Act]
    suggested: Suggestion
    by_hand: ByHand | None

    @property
    def level(self) -> str:
        """The intention in force: set by hand, else suggested."""
        return (self.by_hand.level if self.by_hand else None) or self.suggested.level


def of_people(session: Session, asked: Asked) -> dict[int, Interest]:
    """Return person → their interest in the course, for all people that are asked about."""
    done = acts.of_people(session, asked)
    suggested = suggest_for(session, asked.people, asked.course.roots, asked.at)
    by_hand = of_course(session, asked.course.id, asked.people)
    return {
        one: Interest(done.get(one, []), suggested.get(one, NOTHING), by_hand.get(one))
        for one in asked.people
    }
