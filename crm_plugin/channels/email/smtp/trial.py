"""A trial of the mail server: everything that comes before the text of a message, and no message."""

from dataclasses import dataclass

from crm_plugin.channels.email.smtp.replies import said
from crm_plugin.channels.email.smtp.reply_phrases import Cause


@dataclass(frozen=True)
class Refused:
    """The first command of a trial that the server refused."""

    command: str
    """``MAIL FROM:<…>`` or ``RCPT TO:<…>``."""
    code: int
    answer: bytes
    cause: Cause

    @property
    def words(self) -> str:
        """What the server said, in one line."""
        return said(self.code, self.answer)

    @property
    def address(self) -> str:
        """The address of the command."""
        return self.command.partition("<")[2].partition(">")[0]


@dataclass(frozen=True)
class Trial:
    """What a server answered to a connection, a login, a sender and recipients."""

    how: str
    """How it was connected to, for people."""
    signed_in: bool
    offers_login: bool
    refused: Refused | None = None
    unknown: tuple[str, ...] = ()
    """Recipients whose mailbox the server does not have: no refusal of ours."""
