"""What the reader of a list chose: people (exactly these, or all but these) and columns.

Plain checkboxes carry the people.

What was selected on other pages travels in the form itself, so that nothing is kept between requests and
everything works without JavaScript.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import Response, request
from werkzeug.datastructures import MultiDict

from crm_plugin.kernel.errors import BadInput, Clause
from crm_plugin.segments.language.documents import all_of, rule
from crm_plugin.segments.language.json_input import load
from crm_plugin.segments.listing import columns as table
from crm_plugin.segments.listing.columns import Column
from crm_plugin.web.segments.builder.form import Tree

MOST = 5_000
"""People selected one by one; more than that is a segment."""
COOKIE = "crm_columns"
"""Keeps the reader's columns; names of columns and nothing else."""
_YEAR = 365 * 86_400


@dataclass(frozen=True)
class Selection:
    """People of a list.

    :param ids: the school's ids: those selected or, with ``everybody``, those that are not.
    """

    everybody: bool = False
    ids: frozenset[str] = frozenset()

    @classmethod
    def read(cls, form: MultiDict[str, str]) -> "Selection":
        """Return what a form says: the ticks of its page, and what it carries from other pages.

        :raises BadInput: ``input.bad`` when the form is not one of ours.
        """
        everybody = form.get("mode") == "all"
        shown, ticked = frozenset(host_ids(form.get("shown", "[]"))), frozenset(form.getlist("pick"))
        here = shown - ticked if everybody else shown & ticked
        ids = (frozenset(host_ids(form.get("carried", "[]"))) - shown) | here
        if len(ids) > MOST:
            raise BadInput(
                "input.bad", reason=Clause("at most {limit} people can be selected one by one", limit=MOST)
            )
        return cls(everybody, ids)

    @property
    def is_empty(self) -> bool:
        """Nothing was selected."""
        return not self.everybody and not self.ids

    def has(self, host_id: str) -> bool:
        """Return whether a person is selected."""
        return (host_id in self.ids) != self.everybody

    def size(self, total: int) -> int:
        """Return how many of ``total`` people are selected."""
        return total - len(self.ids) if self.everybody else len(self.ids)

    def carried(self, shown: Iterable[str]) -> str:
        """Return what a page of the list carries of the other pages."""
        return json.dumps(sorted(self.ids.difference(shown)), ensure_ascii=False)

    def tree(self, tree: Tree) -> Tree:
        """Return the segment that finds exactly the selected people of a segment.

        Nothing selected means that nobody chose: everybody of the list.
        """
        if self.is_empty or (self.everybody and not self.ids):
            return tree
        ticked = rule("id", "notIn" if self.everybody else "in", sorted(self.ids))
        if tree["combinator"] == "and" and not tree.get("not"):
            return {**tree, "rules": [*tree["rules"], ticked]}
        return all_of(tree, ticked)


def host_ids(text: str) -> list[str]:
    """Read ids as a form carries them.

    :raises BadInput: ``input.bad`` when they are not ours, ``input.not_json``.
    """
    found: Any = load(text)
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise BadInput("input.bad", reason=Clause("the selection is not one of this form"))
    return found


def chosen(offered: list[Column]) -> list[Column]:
    """Return the columns that the reader chose; the name always stands first."""
    kept = request.cookies.get(COOKIE, "").split(".")
    keys = kept if any(one.key in kept for one in offered) else list(table.DEFAULT)
    return [one for one in offered if one == table.NAME or one.key in keys]


def keep(response: Response, keys: list[str]) -> None:
    """Keep the reader's columns in their browser; with none, the usual ones come back."""
    known = [one.key for one in table.COLUMNS if one.key in keys]
    secure, path = request.is_secure, request.script_root + "/"
    response.set_cookie(
        COOKIE,
        ".".join(known),
        _YEAR if known else 0,
        secure=secure,
        httponly=True,
        samesite="Lax",
        path=path,
    )
