"""What links must know of the messages that their addresses stand in; a higher capability brings it."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from crm_plugin.links.classify import Facts


@dataclass(frozen=True)
class MessageSource:
    """Knows messages by the number of their row in the ledger.

    :param facts: of (session, rows): returns what is needed to judge clicks; unknown rows are left out.
    :param topic: of (session, row): returns the topic that the message was about, None when it had none.
    """

    facts: Callable[[Session, list[int]], Facts]
    topic: Callable[[Session, int], int | None]
