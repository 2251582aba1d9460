"""The channel e-mail: subject, HTML and text, opt-out by one click."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from inscriptis import get_text

from crm_plugin.channels import content as parts
from crm_plugin.channels.base import MARKETING, Context, Made, Message, Problem, Recipient
from crm_plugin.channels.content import Piece, Prepared, Slot, Template
from crm_plugin.channels.email import document, footer, html
from crm_plugin.channels.email.headers import (
    list_header,
    mailbox_header,
    text_header,
    url_header,
    written_address,
)
from crm_plugin.channels.email.mime import Skeleton
from crm_plugin.channels.email.placeholders import Marker
from crm_plugin.channels.links_apart import apart
from crm_plugin.channels.shared_checks import (
    constants,
    link_problems,
    other_forms,
    read_part,
    severe,
    uncounted_links,
    unsubscribe_problems,
)
from crm_plugin.kernel.clock import Clock
from crm_plugin.kernel.errors import BadInput, Clause
from crm_plugin.kernel.i18n import Text

ONE_CLICK = "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
"""RFC 8058 3.1; both headers must be inside the DKIM signature that the mail server makes."""


@dataclass(frozen=True)
class CompiledEmail:
    """A content made ready for one campaign."""

    subject: Template
    text: Template
    html: Template | None
    targets: tuple[str, ...]
    skeleton: Skeleton
    marketing: bool
    clock: Clock

    @cached_property
    def variables(self) -> frozenset[str]:
        """See :class:`crm_plugin.channels.base.Compiled`."""
        return self._all("variables")

    @cached_property
    def required(self) -> frozenset[str]:
        """See :class:`crm_plugin.channels.base.Compiled`."""
        return self._all("required")

    def _all(self, name: str) -> frozenset[str]:
        found = [getattr(part, name) for part in (self.subject, self.text, self.html) if part]
        return frozenset({"unsubscribe"} if self.marketing else ()).union(*found)

    def render(self, recipient: Recipient) -> Message:
        """Return the message for one person.

        :raises BadInput: ``content.no_value``, ``content.bad_header``, ``channel.bad_address``.
        """
        values, links = recipient.values, recipient.links or self.targets
        own = self._headers(recipient.address, values)
        subject = parts.clean(self.subject.render(values))
        text = self.text.render(values, links)
        page = self.html.render(values, [html.escape_html(link) for link in links]) if self.html else None
        key = re.sub(r"[^A-Za-z0-9.-]", "-", recipient.key)
        link = values.get("link")
        message = Message(
            recipient.key,
            recipient.person,
            recipient.address,
            subject,
            text,
            page,
            links=[*([link] if link and "link" in self._used else []), *(links if self.targets else ())],
            campaign_id=recipient.campaign_id,
            headers=own,
            channel="email",
            return_path=recipient.return_path,
        )
        head = "".join(own.values()) + text_header("Subject", subject)
        message.mime = partial(_mime, self.skeleton, head, (text, page), key, self.clock)
        return message

    @cached_property
    def _used(self) -> frozenset[str]:
        return self.text.variables | (self.html.variables if self.html else frozenset())

    def _headers(self, address: str, values: Mapping[str, str | None]) -> dict[str, str]:
        # A preview has no address: it is not sent.
        found = {"To": f"To: {written_address(address)}\r\n"} if address else {}
        if self.marketing:
            url = parts.value_of(footer.UNSUBSCRIBE, values)
            found["List-Unsubscribe"] = url_header("List-Unsubscribe", url)
            found["List-Unsubscribe-Post"] = ONE_CLICK
        return found


def _mime(
    skeleton: Skeleton, head: str, body: tuple[str, str | None], key: str, clock: Clock, eight_bit: bool
) -> bytes:
    return skeleton.head(head, key, clock()).encode() + skeleton.body(*body, eight_bit)


class EmailChannel:
    """Reaches people by e-mail."""

    name = "email"
    label = Text("e-mail")
    address = "email"

    def compile(self, content: Mapping[str, Any], purpose: str, context: Context) -> Made:
        """Return subject, HTML and text ready to render, and what is wrong with them."""
        forms = other_forms(content, "subject", "text", "html")
        try:
            draft = _read(content, context)
            sender = mailbox_header("From", context.sender)
        except BadInput as error:
            return Made(None, [*forms, severe(error)])
        used = parts.names(draft.subject) | draft.used
        found = (
            forms
            + draft.problems
            + link_problems(used, content)
            + unsubscribe_problems(used, purpose, "html")
        )
        if draft.size > html.CLIPPED:
            found.append(Problem("content.clipped", "html", {"size": draft.size // 1000}, severe=False))
        if 0 < context.longest_mail < draft.least:
            sizes = {"size": -(-draft.least // 1000), "limit": context.longest_mail // 1000}
            found.append(Problem("content.too_large_to_send", "html" if draft.page else "text", sizes))
        if any(problem.severe for problem in found):
            return Made(None, found)
        return Made(self._compiled(draft, constants(content), sender, purpose == MARKETING, context), found)

    def _compiled(
        self, draft: "_Draft", known: Mapping[str, str], sender: str, marketing: bool, context: Context
    ) -> CompiledEmail:
        text, page, locale = draft.text, draft.page, draft.locale
        if marketing and "unsubscribe" not in _names(text):
            text = [*text, *_prepared(footer.text_footer(locale, context.site_name))]
        if page and marketing and "unsubscribe" not in _names(page):
            page = [*page[:-1], *footer.html_footer(locale, context.site_name), page[-1]]
        domain = sender.rpartition("@")[2].strip(">\r\n")
        fixed = sender + (list_header(context.site_name, f"marketing.{domain}") if marketing else "")
        return CompiledEmail(
            parts.template(draft.subject, known, parts.as_is),
            parts.folded(apart(text), known),
            parts.folded(page, known) if page else None,
            tuple(draft.targets),
            Skeleton(fixed, domain, context.mark, context.id_header),
            marketing,
            context.clock,
        )

    def carrier(self, crm: Any) -> str:
        """Return SMTP where a server is set, else the outbox."""
        return "smtp" if crm.settings.smtp_url else "outbox"


@dataclass
class _Draft:
    """A content after reading, before constants and footer."""

    subject: list[Piece]
    text: list[Prepared]
    page: list[Prepared] | None
    targets: list[str]
    locale: str
    problems: list[Problem] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of the HTML, as far as they are the same for everybody."""
        return len(_fixed(self.page or []).encode("utf-8", "replace"))

    @property
    def least(self) -> int:
        """Bytes of the message as it is sent, as far as they are the same for everybody."""
        page = _fixed(self.page) if self.page else None
        return len(Skeleton("", "").body(_fixed(self.text), page, eight_bit=True))

    @property
    def used(self) -> frozenset[str]:
        return _names(self.text) | _names(self.page or [])


def _read(content: Mapping[str, Any], context: Context) -> _Draft:
    subject = _subject(content)
    written = read_part(content, "text")
    text = _prepared(written)
    source = read_part(content, "html", html.LONGEST)
    if not source:
        if not text:
            raise BadInput("content.missing", "html", part="html")
        locale = footer.locale_of([*subject, *text], context.locale)
        return _Draft(subject, text, None, [], locale, uncounted_links(written, "text"))
    marker = Marker()
    body = html.read(source, constants(content), marker)
    text = text or _text_of(body, marker)
    locale = footer.locale_of([*subject, *text], context.locale)
    start = document.opening(body, locale, subject, marker)
    page = [*start, *body.pieces, document.closing(body)]
    return _Draft(subject, text, page, body.targets, locale, body.problems)


def _subject(content: Mapping[str, Any]) -> list[Piece]:
    subject = read_part(content, "subject")
    if not subject:
        raise BadInput("content.missing", "subject", part=Clause("subject"))
    fixed = [piece for piece in subject if isinstance(piece, str)]
    if any("\n" in piece or parts.clean(piece) != piece.strip() for piece in fixed):
        raise BadInput("content.bad_header", "subject", part=Clause("subject"))
    return subject


def _prepared(pieces: Iterable[Piece]) -> list[Prepared]:
    return [piece if isinstance(piece, str) else (piece, parts.as_is) for piece in pieces]


def _text_of(body: html.Body, marker: Marker) -> list[Prepared]:
    """Make the text part that the author left out."""
    text = get_text(body.plain).strip() + "\n"
    return [(part, parts.as_is) if isinstance(part, Slot) else part for part in marker.split(text)]


def _fixed(pieces: Iterable[Prepared]) -> str:
    return "".join(piece for piece in pieces if isinstance(piece, str))


def _names(pieces: Iterable[Prepared]) -> frozenset[str]:
    return frozenset(piece[0].name for piece in pieces if isinstance(piece, tuple))


EMAIL = EmailChannel()
