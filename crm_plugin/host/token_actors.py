"""Programs as actors: the author of a token, what it may do, and the actor behind a request."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import need, need_whole
from crm_plugin.host.records import PERMISSIONS, Actor
from crm_plugin.kernel import audit
from crm_plugin.kernel.credentials import tokens
from crm_plugin.kernel.credentials.tokens import Grant
from crm_plugin.kernel.errors import BadInput, Clause, NotFound, one_of

LONGEST_NAME = 120


@dataclass(frozen=True)
class Program:
    """A token as its page shows it, without its text."""

    id: int
    name: str
    permissions: list[str]
    scope: list[str] | None
    created_by: str
    author_name: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    in_force: bool


def create(crm: Crm, actor: Actor, grant: Grant) -> tuple[int, str]:
    """Make a token; return its id and its text, which is shown this once.

    :raises Refused: without ``crm.admin``, and for who sees some courses only.
    :raises BadInput: ``input.bad`` without a name or a permission, or for an end in the past;
        ``token.outlives`` for one made with a token that ends before it.
    """
    _admit(actor)
    now = crm.clock()
    _check(grant, now)
    author, rights = (actor.id, actor.display_name), ", ".join(grant.permissions)

    def work(session: Session) -> tuple[int, str]:
        _check_end(session, actor, grant)
        ident, text = tokens.make(session, crm.settings.secret_key, grant, author, now)
        of = ("token", ident)
        audit.record(session, now, actor.id, "token.create", of, name=grant.name, permissions=rights)
        return ident, text

    return crm.db.run(work)


def listed(crm: Crm, actor: Actor) -> list[Program]:
    """Return all tokens, the newest first.

    :raises Refused: without ``crm.admin``, and for who sees some courses only.
    """
    _admit(actor)
    now = crm.clock()
    with crm.db.read() as session:
        return [_program(row, tokens.is_good(session, row, now)) for row in tokens.listed(session)]


def revoke(crm: Crm, actor: Actor, ident: int) -> None:
    """End a token at once, and all that were made with it.

    :raises Refused: without ``crm.admin``, and for who sees some courses only.
    :raises NotFound: ``object.missing``, also for one that was revoked before.
    """
    _admit(actor)
    now = crm.clock()

    def work(session: Session) -> None:
        ended = tokens.revoke(session, ident, now)
        if not ended:
            raise NotFound("object.missing", kind=Clause("token"), id=ident)
        for number, name in ended:
            audit.record(session, now, actor.id, "token.revoke", ("token", number), name=name)

    crm.db.run(work)


def actor_of(crm: Crm, text: str) -> Actor | None:
    """Return the program behind a token's text, None when the token is not good (any more).

    Its id is ``token:`` with the token's number: the audit log, campaigns and searches name it so.
    """
    now = crm.clock()
    with crm.db.read() as session:
        token = tokens.find(session, crm.settings.secret_key, text, now)
        if token is None:
            return None
        due = tokens.is_due(token, now)
        scope = None if token.scope is None else frozenset(token.scope)
        found = Actor(f"{tokens.PROGRAM}{token.id}", token.name, frozenset(token.permissions), scope=scope)
        ident = token.id
    if due:
        crm.db.run(lambda session: tokens.note_use(session, ident, now))
    return found


def _admit(actor: Actor) -> None:
    need(actor, "crm.admin")
    need_whole(actor)


def _check(grant: Grant, now: datetime) -> None:
    if not 0 < len(grant.name.strip()) <= LONGEST_NAME:
        raise BadInput(
            "input.bad", "name", reason=Clause("a name has 1 to {limit} characters", limit=LONGEST_NAME)
        )
    if not grant.permissions or not set(grant.permissions) <= set(PERMISSIONS):
        raise BadInput("input.bad", "permissions", reason=one_of(PERMISSIONS))
    if grant.scope is not None and not all(grant.scope):
        raise BadInput("input.bad", "scope", reason=Clause("a course has an id"))
    if grant.expires_at is not None and grant.expires_at <= now:
        raise BadInput("input.bad", "expires_at", reason=Clause("the end lies in the past"))


def _check_end(session: Session, actor: Actor, grant: Grant) -> None:
    """Refuse a token that would go on when the one it is made with has ended."""
    until = tokens.end_of(session, actor.id)
    if until is not None and (grant.expires_at is None or grant.expires_at > until):
        raise BadInput("token.outlives", "expires_at", until=until.isoformat(timespec="seconds"))


def _program(row: tokens.Token, good: bool) -> Program:
    names = [name for name in Program.__dataclass_fields__ if name != "in_force"]
    return Program(**{name: getattr(row, name) for name in names}, in_force=good)
