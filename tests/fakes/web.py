"""Pages of the web for our own fetches: what an address answers, and which addresses were asked."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from crm_plugin.kernel.network.public_fetch import Fetched, NotAsked, NotFetched
from crm_plugin.kernel.network.web_address import WebAddress

WHERE = (
    "crm_plugin.links.draft_link_check.fetch",
    "crm_plugin.channels.email.feedback.providers.notifications.fetch",
)
"""Everything of ours that asks an address which others chose."""


def page(status: int = 200, body: bytes = b"", location: str = "") -> Fetched:
    """Return an answer."""
    return Fetched(status, location, body)


@contextmanager
def pages(answers: Mapping[str, Fetched | NotFetched] | None = None) -> Iterator[list[str]]:
    """Answer our own fetches; any other address is none that we ask. Gives the addresses that were asked."""
    asked: list[str] = []
    known = dict(answers or {})

    def fetch(address: WebAddress, **_named: Any) -> Fetched:
        asked.append(address.ascii)
        answer = known.get(address.ascii, NotAsked("private"))
        if isinstance(answer, NotFetched):
            raise answer
        return answer

    with patch(WHERE[0], fetch), patch(WHERE[1], fetch):
        yield asked
