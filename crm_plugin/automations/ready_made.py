"""Automations to start from, as data: each makes a draft, and nothing is on before a person says so."""

from dataclasses import dataclass
from typing import Any

from crm_plugin.automations.language.document import COURSE, LEVEL_WORD, UNTIL
from crm_plugin.campaigns.document.default_policy import proposed
from crm_plugin.campaigns.document.goals import renewed
from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import BadInput, Clause, NotFound, one_of
from crm_plugin.kernel.i18n import Text
from crm_plugin.profiles.store.enrolment_state import SEATED
from crm_plugin.segments.language.documents import all_of, any_of, rows, rule

Json = dict[str, Any]
MARKETING, SERVICE = "marketing", "service"


@dataclass(frozen=True)
class Letter:
    """A message in words for e-mail and private messages, and the shipped SMS template that says the like."""

    subject: Text
    text: Text
    template: str = ""
    words: tuple[str, ...] = ()
    """Words that differ from person to person, beside names: the columns of the same names."""
    course: bool = True
    """Its link leads to the cause's course."""


@dataclass(frozen=True)
class ReadyMade:
    """An automation to start from."""

    key: str
    """Also the kind: nobody is in two of one kind at a time."""
    name: Text
    about: Text
    trigger: Json
    steps: tuple[Letter | Json, ...]
    goal: Json | None = None
    purpose: str = MARKETING
    again: int | None = 0
    open_course: bool = False

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that it can be made for."""
        letters = [one for one in self.steps if isinstance(one, Letter)]
        sms = all(one.template for one in letters)
        return ("email", "message", "sms") if sms else ("email", "message")


def _wait(n: int, unit: str, before: bool = False) -> Json:
    return {"wait": {"n": n, "unit": unit, "before": before}}


def _on(date: str, n: int = 0, side: str = "after") -> Json:
    return {"on": "date", "date": date, "n": n, "unit": "day", "side": side}


_MINE = (rule("course_id", "=", COURSE), rule("role", "=", "learner"))
_SEATED = all_of(rows("enrolments", *_MINE, rule("state", "in", list(SEATED))))
_FINISHED = rows("enrolments", *_MINE, rule("completed_at", "notNull"))
_LEARNED = rows("enrolments", *_MINE, rule("last_learned_at", ">", UNTIL))
_UNSTARTED = rows("enrolments", *_MINE, rule("last_learned_at", "notNull"), mode="none")
_LATER = any_of(rule("expires_at", "null"), rule("expires_at", ">", UNTIL))
_PROLONGED = all_of(rows("enrolments", *_MINE, rule("state", "in", list(SEATED)), _LATER))
RENEWED = renewed(UNTIL)
"""The membership lasts longer than the date that started it."""

_ORDER = Text(
    "Hello {{ display_name }},\n\nyour order for {{ course_title }} over {{ order_amount }} is still open. "
    "You can finish it here:\n{{ link }}"
)
_ORDER_AGAIN = Text(
    "Hello {{ display_name }},\n\n{{ course_title }} is kept for you at {{ order_amount }}. "
    "If something held you up, just answer this message. Your order:\n{{ link }}"
)
_ORDER_CLOSES = Text(
    "Hello {{ display_name }},\n\nyour order for {{ course_title }} over {{ order_amount }} closes "
    "on {{ closes_at }}. After that the place is free again:\n{{ link }}"
)
_BACK = Text(
    "Hello {{ display_name }},\n\nwe were sorry to see you leave {{ course_title }}. A place is still free, "
    "and you can go on where you stopped:\n{{ link }}"
)
_GO_ON = Text(
    "Hello {{ display_name }},\n\nyour next lesson in {{ course_title }} is waiting. Ten minutes are enough "
    "to get back into it:\n{{ link }}"
)
_NEARLY = Text(
    "Hello {{ display_name }},\n\nyou have come a good way in {{ course_title }}. Shall we finish it "
    "together?\n{{ link }}"
)
_ENDS = Text(
    "Hello {{ display_name }},\n\nyour access to {{ course_title }} ends in 14 days. "
    "Go on here, or prolong it:\n{{ link }}"
)
_MEMBERSHIP = Text(
    "Hello {{ display_name }},\n\nyour membership {{ level }} ends in 14 days. Renew it in time, and you "
    "keep all that belongs to it."
)
_BIRTHDAY = Text("Dear {{ display_name }},\n\nall of us wish you a happy birthday!")
_WELCOME = Text(
    "Hello {{ display_name }},\n\nwelcome to {{ course_title }}! Your first lesson is here:\n{{ link }}"
)
_BEGIN = Text(
    "Hello {{ display_name }},\n\nyour place in {{ course_title }} is waiting for you. "
    "Most people begin with a quarter of an hour:\n{{ link }}"
)

_PAY = ("order_amount",)
READY_MADE: dict[str, ReadyMade] = {
    one.key: one
    for one in (
        ReadyMade(
            "unpaid_order",
            Text("Unpaid orders"),
            Text("After an hour, after a day and before the order closes; stops at payment."),
            _on("order_created"),
            (
                _wait(1, "hour"),
                Letter(Text("Your order is waiting"), _ORDER, "unpaid-order", _PAY),
                _wait(23, "hour"),
                Letter(Text("Still interested in {{ course_title }}?"), _ORDER_AGAIN, "unpaid-order", _PAY),
                _wait(2, "hour", before=True),
                Letter(Text("Your order closes soon"), _ORDER_CLOSES, "unpaid-order", (*_PAY, "closes_at")),
            ),
            goal=_SEATED,
            open_course=True,
        ),
        ReadyMade(
            "win_back",
            Text("Win back people who left"),
            Text("Thirty days after somebody left a course; stops when they come back."),
            _on("left", 30),
            (Letter(Text("{{ course_title }} misses you"), _BACK, "win-back"),),
            goal=_SEATED,
            again=180,
            open_course=True,
        ),
        ReadyMade(
            "unfinished_course",
            Text("Unfinished course"),
            Text("Two weeks after the last learning, and once more; stops when somebody goes on."),
            _on("last_learned", 14),
            (
                Letter(Text("Your next lesson is waiting"), _GO_ON, "study-reminder"),
                _wait(14, "day"),
                Letter(Text("Shall we finish {{ course_title }}?"), _NEARLY, "study-reminder"),
            ),
            goal=any_of(_FINISHED, _LEARNED),
            purpose=SERVICE,
            again=60,
        ),
        ReadyMade(
            "access_ends",
            Text("Access ends in 14 days"),
            Text("Stops when the access is prolonged."),
            _on("access_ends", 14, "before"),
            (Letter(Text("Your access to {{ course_title }} ends soon"), _ENDS, "renewal"),),
            goal=_PROLONGED,
        ),
        ReadyMade(
            "membership_ends",
            Text("Membership ends in 14 days"),
            Text("Stops when the membership is renewed."),
            _on("membership_ends", 14, "before"),
            (Letter(Text("Your membership ends soon"), _MEMBERSHIP, words=(LEVEL_WORD,), course=False),),
            goal=RENEWED,
        ),
        ReadyMade(
            "birthday",
            Text("Birthday wishes"),
            Text("At nine in the morning of the day."),
            {**_on("birthday"), "at": "09:00"},
            (Letter(Text("Happy birthday!"), _BIRTHDAY, course=False),),
        ),
        ReadyMade(
            "welcome",
            Text("Welcome to a new learner"),
            Text("At once; after three days once more to people who have not begun."),
            _on("enrolled"),
            (
                Letter(Text("Welcome to {{ course_title }}"), _WELCOME),
                _wait(3, "day"),
                {"if": all_of(_UNSTARTED), "else": "stop"},
                Letter(Text("Your place in {{ course_title }}"), _BEGIN),
            ),
            purpose=SERVICE,
        ),
    )
}
"""What is shipped, by its keys."""


def document(crm: Crm, key: str, channel: str, locale: str) -> Json:
    """Return the file of one.

    :param locale: language of its texts.
    :raises NotFound: ``object.missing``.
    :raises BadInput: ``input.bad`` for a channel that it has no texts for.
    """
    one = READY_MADE.get(key)
    if one is None:
        raise NotFound("object.missing", kind=Clause("automation"), id=key)
    if channel not in one.channels:
        raise BadInput("input.bad", "channel", reason=one_of(one.channels))
    steps = [
        {"send": _send(step, channel, locale)} if isinstance(step, Letter) else step for step in one.steps
    ]
    # No rest after a message: the next one of the same chase would stand in its own way.
    policy = {name: value for name, value in proposed(crm, one.purpose).items() if name != "leave_out_days"}
    return {
        **{"name": one.name.of(locale), "kind": one.key, "trigger": one.trigger, "steps": steps},
        **{"goal": one.goal, "purpose": one.purpose, "policy": policy, "again": one.again},
        "open_course": one.open_course,
    }


def _send(letter: Letter, channel: str, locale: str) -> Json:
    link = {"link": COURSE} if letter.course else {}
    if channel == "sms":
        return {"channel": channel, "template": f"{letter.template}-{locale}", **link}
    found: Json = {"channel": channel, "text": letter.text.of(locale), **link}
    if channel == "email":
        found["subject"] = letter.subject.of(locale)
    if letter.words:
        found["personal"] = {word: _COLUMN.get(word, word) for word in letter.words}
    return found


_COLUMN = {LEVEL_WORD: "member_level"}
