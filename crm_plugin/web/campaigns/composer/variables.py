"""Words of a text that the composer asks for: what they stand for, and the text for people without one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import MultiDict

from crm_plugin.campaigns.document.personalisation import COLUMNS
from crm_plugin.campaigns.ledger.lease import VALUES
from crm_plugin.campaigns.queries import CampaignRow
from crm_plugin.channels.content import VARIABLES
from crm_plugin.channels.shared_checks import check_name
from crm_plugin.channels.sms import templates as sms
from crm_plugin.kernel.errors import BadInput, Clause
from crm_plugin.kernel.i18n import Text
from crm_plugin.web.segments.builder.fields import menus
from crm_plugin.web.shell.guard import crm
from crm_plugin.web.shell.i18n import say

TITLES = {"course_title": Text("Name of the course"), "class_title": Text("Name of the class")}
KEYS = ("variables", "personal", "fallbacks")
"""Keys of a campaign file that these fields write; ``lacking`` is decided at the last step."""
REMOVE = "-"
"""What a form says in the place of a source to take a word away."""


@dataclass(frozen=True)
class Word:
    """A word with what the form shows of it."""

    name: str
    kind: str
    """``title``: of a course or class; ``own``: of the campaign; ``person``: one of everybody's three."""
    source: str = ""
    """Column of the person; empty = the same for everybody."""
    value: str = ""
    """What everybody gets, or who has nothing in the column."""


def words_of(draft: CampaignRow, content: Mapping[str, Any]) -> list[Word]:
    """Return the words that a content asks for, in the order of the form."""
    if draft.channel == "sms":
        used = _placeholders(str(content.get("template") or ""))
        own = [name for name in used if name not in VARIABLES]
    else:
        written = " ".join(str(content.get(key) or "") for key in ("subject", "html", "text"))
        used = [name for name in (*TITLES, *VALUES) if re.search(rf"\b{name}\b", written)]
        own = own_words(content)
    found = [Word(name, "title", value=_value(content, name)) for name in used if name in TITLES]
    found += [_own(content, name) for name in own]
    return found + [Word(name, "person", name, _fallback(content, name)) for name in used if name in VALUES]


def own_words(content: Mapping[str, Any]) -> list[str]:
    """Return the names that a campaign gave itself."""
    given = (*content.get("variables", {}), *content.get("personal", {}))
    return [name for name in dict.fromkeys(given) if name not in TITLES]


def _placeholders(key: str) -> list[str]:
    with crm().db.read() as session:
        template = sms.find(session, key, crm().settings.sms_carrier)
    return sms.placeholders(template.text) if template else []


def _own(content: Mapping[str, Any], name: str) -> Word:
    source = content.get("personal", {}).get(name, "")
    return Word(name, "own", source, _fallback(content, name) if source else _value(content, name))


def _value(content: Mapping[str, Any], name: str) -> str:
    return str(content.get("variables", {}).get(name, ""))


def _fallback(content: Mapping[str, Any], name: str) -> str:
    return str(content.get("fallbacks", {}).get(name, ""))


def sources() -> list[tuple[str, str]]:
    """Return the columns of a person that a word may stand for, as far as the school provides them."""
    offered = menus()
    found = ((name, offered.find(name)) for name in COLUMNS)
    return [(name, offered.label) for name, offered in found if offered is not None]


def read_words(form: MultiDict[str, str]) -> dict[str, dict[str, str]]:
    """Return ``variables``, ``personal`` and ``fallbacks`` as a form says them; what is empty is left out."""
    found: dict[str, dict[str, str]] = {key: {} for key in KEYS}
    for key, text in form.items():
        name, value = key.removeprefix("var:"), text.strip()
        if not key.startswith("var:"):
            continue
        source = name if name in VALUES else form.get(f"from:{name}", "")
        if source != REMOVE:
            _put(found, name, source, value)
    return {key: words for key, words in found.items() if words}


def with_new(content: dict[str, Any], form: MultiDict[str, str]) -> dict[str, Any]:
    """Return a content with the word that a form adds, if it names one.

    :raises BadInput: ``content.bad_word``, ``content.word_twice``, ``campaign.bad_value``.
    """
    name, source, value = (form.get(key, "").strip() for key in ("new_name", "new_from", "new_value"))
    if not name:
        return content
    check_name(name, "new_name")
    if name in own_words(content):
        raise BadInput("content.word_there", "new_name", name=name)
    if not source and not value:
        raise BadInput("campaign.bad_value", "new_value", reason=Clause("expected a text"))
    found = {key: dict(content.get(key, {})) for key in KEYS}
    _put(found, name, source, value)
    return {**content, **{key: words for key, words in found.items() if words}}


def _put(found: dict[str, dict[str, str]], name: str, source: str, value: str) -> None:
    if source and name not in VALUES:
        found["personal"][name] = source
    if value:
        found["fallbacks" if source else "variables"][name] = value


def shown(draft: CampaignRow, content: Mapping[str, Any], oob: bool) -> dict[str, Any]:
    """Return what the form's fields about words show."""
    known = sources()
    return {
        "needed": words_of(draft, content),
        "titles": TITLES,
        "sources": known,
        "labels": dict(known),
        "removable": draft.channel != "sms",
        "everybody": say("the same for everybody"),
        "oob": oob,
    }
