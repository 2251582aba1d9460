"""What the channels check alike: the campaign's own variables and its link."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from crm_plugin.channels.base import MARKETING, Problem
from crm_plugin.channels.content import VARIABLES
from crm_plugin.kernel.errors import BadInput

NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
"""How a campaign's own variable may be called."""


def constants(content: Mapping[str, Any]) -> dict[str, str]:
    """Return the campaign's own variables that have a value, which is the same for everybody.

    Course and class titles are given there too; what belongs to a person (or is an address of ours)
    cannot be set for all.
    """
    personal = {*VARIABLES} - {"course_title", "class_title"}
    own = content.get("variables") or {}
    return {
        str(name): str(value)
        for name, value in own.items()
        if NAME.fullmatch(str(name)) and name not in personal and value not in (None, "")
    }


def link_problems(used: Iterable[str], content: Mapping[str, Any]) -> list[Problem]:
    """Tell that a text shows a link which the campaign does not have."""
    if "link" in used and not content.get("link"):
        return [Problem("content.no_link", "link")]
    return []


def unsubscribe_problems(used: Iterable[str], purpose: str, place: str) -> list[Problem]:
    """Warn of an opt-out link in a message that nobody can opt out of."""
    if purpose != MARKETING and "unsubscribe" in used:
        return [Problem("content.service_unsubscribe", place, severe=False)]
    return []


def first_severe(problems: Iterable[Problem]) -> None:
    """Raise the first severe problem.

    :raises BadInput: with its code and place.
    """
    for problem in problems:
        if problem.severe:
            raise BadInput(problem.code, problem.place, **problem.params)
