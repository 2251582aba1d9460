"""Placeholders as other products write them: nobody fills them in, so they are named before anything is sent.

One syntax holds in every channel, ``{{ name }}``. Another form around a known field stops the launch. Around
any other word it is a warning, because it may be meant as text.
"""

import re
from collections.abc import Collection, Iterator

from crm_plugin.channels.base import Problem

_NAME = r"[^\W\d][\w.:-]{0,40}"
_FORMS = re.compile(
    "|".join(
        (
            # With full-width braces or blanks between them, as Chinese keyboards and editors make them.
            rf"(?!\{{\{{)[{{｛]\s*[{{｛]\s*(?P<braces>{_NAME})\s*[}}｝]\s*[}}｝]",
            rf"\{{\{{\s*(?P<ends>{_NAME})\s*(?:｝\s*[}}｝]|\}}\s+\}}|\}}｝)",
            rf"(?:%7B){{2}}(?:%20|\+|\s)*(?P<quoted>{_NAME}?)(?:%20|\+|\s)*(?:%7D){{2}}",
            rf"[$#＃￥]\s?[{{｛]\s*(?P<shell>{_NAME})\s*[}}｝]",
            rf"\{{\$(?P<smarty>{_NAME})\}}",
            rf"\*\|(?P<bars>{_NAME})\|\*",
            rf"%%(?P<percents>{_NAME})%%",
            r"(?-i:%(?:recipient\.)?(?P<percent>[A-Z][A-Z_]{2,40}|(?<=\.)\w+)%)",
            rf"\[\[\s*(?P<brackets>{_NAME})\s*\]\]",
            rf"<%=?\s*(?P<tag>{_NAME})\s*%>",
            r"(?<![\w$#{])\{(?P<single>[a-z][a-z_]{2,40}|\d)\}(?!\})",
            r"\{#(?P<comment>(?:(?!#\}).){0,200})#\}",
        )
    ),
    re.I | re.S,
)
_OURS = re.compile(rf"\{{\{{\s*({_NAME})[^{{}}]{{0,80}}\}}\}}")
_SURE = ("braces", "ends", "quoted")
"""Forms that nobody writes for anything else."""
_LONGEST_SHOWN = 60


def foreign_placeholders(text: str, known: Collection[str], place: str) -> list[Problem]:
    """Return the placeholders of another syntax in what somebody has written.

    :param known: fields that may stand in it.
    """
    # One that stands in ten places is named once, with the first of them.
    found: dict[str, Problem] = {}
    for one in _found(text, known, place):
        found.setdefault(one.params["written"], one)
    return list(found.values())


def written_field(text: str, known: Collection[str]) -> str:
    """Return the first placeholder around a known field, in whatever syntax; empty where there is none."""
    ours = next((match for match in _OURS.finditer(text) if match[1] in known), None)
    if ours is not None:
        return ours.group()
    others = (one for one in _found(text, known, "") if one.severe)
    return next((str(one.params["written"]) for one in others), "")


def _found(text: str, known: Collection[str], place: str) -> Iterator[Problem]:
    for match in _FORMS.finditer(text):
        form = match.lastgroup or ""
        name = match[form].strip().lower()
        facts = {"line": text.count("\n", 0, match.start()) + 1, "written": match.group()[:_LONGEST_SHOWN]}
        if form != "comment" and (name in known or form in _SURE):
            yield Problem("content.other_placeholder", place, {**facts, "name": name})
        else:
            yield Problem("content.sent_as_written", place, facts, severe=False)
