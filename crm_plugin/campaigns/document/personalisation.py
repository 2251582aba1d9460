"""Words of a text that differ from person to person: which columns they stand for, and who lacks one.

Three names stand for columns of the person in every text
(:data:`crm_plugin.campaigns.ledger.lease.VALUES`). A campaign may give further columns names of its own
(``personal``), say what those get who have nothing there (``fallbacks``), and whether those who still lack
a word are left out (``lacking``).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.document import order_words
from crm_plugin.campaigns.ledger.lease import VALUES, Row
from crm_plugin.campaigns.policy.rules import LACKING
from crm_plugin.campaigns.policy.word_columns import WORDS
from crm_plugin.channels.base import Compiled
from crm_plugin.channels.shared_checks import check_name
from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor
from crm_plugin.kernel.db.bulk import among
from crm_plugin.kernel.errors import BadInput, Clause, one_of
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.store.masking import of_person

COLUMNS = (*VALUES, "city", "company", "member_level", *WORDS)
"""What a word may stand for: columns of the person, none of them a way to reach somebody, and what
:mod:`crm_plugin.campaigns.policy.word_columns` adds."""
LONGEST = 200
"""Letters of a text for those who lack a word."""

Columns = Mapping[str, str]
"""Word of a text → column of the person."""


def check(content: Mapping[str, Any]) -> None:
    """Refuse words that cannot be.

    :raises BadInput: ``campaign.bad_value`` or ``content.bad_word``, with the place.
    """
    own, fallbacks = _object(content, "personal"), _object(content, "fallbacks")
    for name, column in own.items():
        check_name(name, f"personal.{name}")
        if column not in COLUMNS:
            raise BadInput("campaign.bad_value", f"personal.{name}", reason=one_of(COLUMNS))
        if name in content.get("variables", {}):
            raise BadInput("content.word_twice", f"personal.{name}", name=name)
    for name, text in fallbacks.items():
        if name not in VALUES and name not in own:
            raise BadInput("content.no_such_word", f"fallbacks.{name}", name=name)
        if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
            reason = Clause("expected a text of at most {limit} characters", limit=LONGEST)
            raise BadInput("campaign.bad_value", f"fallbacks.{name}", reason=reason)
    if content.get("lacking", LACKING[0]) not in LACKING:
        raise BadInput("campaign.bad_value", "lacking", reason=one_of(LACKING))


def _object(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = content.get(key, {})
    if not isinstance(found, dict):
        raise BadInput("campaign.bad_value", key, reason=Clause("expected an object of names and texts"))
    return found


def columns_of(content: Mapping[str, Any]) -> Columns:
    """Return all words of a content that stand for a column."""
    return {**{name: name for name in VALUES}, **content.get("personal", {})}


def required_of(compiled: Compiled, content: Mapping[str, Any]) -> Columns:
    """Return the words that a person must have: those without a default or a fallback at some place."""
    return {name: column for name, column in columns_of(content).items() if name in compiled.required}


def leaves_out(content: Mapping[str, Any]) -> bool:
    """Return whether those who lack a word are left out, instead of standing in the way."""
    return content.get("lacking") == LACKING[1]


def values_of(
    crm: Crm, session: Session, actor: Actor, person: Person, content: Mapping[str, Any]
) -> dict[str, str | None]:
    """Return what a person has for each word, as an actor may see it who looks at it or sends a test."""
    words = columns_of(content)
    own = {name: column for name, column in words.items() if column in WORDS}
    found = {name: of_person(actor, person, column) for name, column in words.items() if name not in own}
    more = order_words.values(crm, session, course_of(content), [person.id], own.values())[person.id]
    return found | {name: more.get(column) for name, column in own.items()}


def course_of(content: Mapping[str, Any]) -> str:
    """Return the school's id of the course or class that a content is about; empty = of none."""
    return str(content.get("course") or content.get("class") or "")


def fill(crm: Crm, own: Columns, rows: Sequence[Row], course: str = "") -> None:
    """Put a campaign's own words into leased rows; the three names are there already.

    :param course: what the campaign is about.
    """
    stored = {name: column for name, column in own.items() if column not in WORDS}
    more = {name: column for name, column in own.items() if name not in stored}
    columns = [getattr(Person, column) for column in stored.values()]
    people = [row.person_id for row in rows]
    with crm.db.read() as session:
        mine = among(session, Person.id, people)
        found = {id: values for id, *values in session.execute(sa.select(Person.id, *columns).where(mine))}
        newest = order_words.values(crm, session, course, people, more.values()) if more else {}
    for row in rows:
        row.values = {**row.values, **dict(zip(stored, found.get(row.person_id, ()), strict=False))}
        if more:
            row.values |= {name: newest[row.person_id].get(column) for name, column in more.items()}
