"""The table of ready actions: a new one is one row here, and a text of its name in ``templates/ready``."""

from dataclasses import dataclass

from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import BadInput, one_of
from crm_plugin.kernel.i18n import Text
from crm_plugin.segments import service


@dataclass(frozen=True)
class ReadyAction:
    """What one does with the people of some stages.

    :param name: also of its text: ``templates/ready/<language>/<name>.toml``.
    :param stages: tabs that offer it.
    :param template: stem of the SMS template of the stock; its language is the reader's.
    :param goal: of :data:`crm_plugin.campaigns.document.goals.GOALS`; people who reached it get nothing more.
    :param needs: (stream, field) that the school must provide; the field empty = the stream at all.
    :param invites: it is about another course, which the reader chooses.
    :param words: blanks of its e-mail and message that the campaign fills in.
    """

    name: str
    label: Text
    hint: Text
    stages: tuple[str, ...]
    purpose: str
    template: str
    goal: str
    needs: tuple[tuple[str, str], ...] = ()
    invites: bool = False
    words: tuple[str, ...] = ()


_ORDERS = (("orders", ""),)
_LEARNT = (("enrolments", "last_learned_at"), ("enrolments", "completed_at"))
ACTIONS = (
    ReadyAction(
        "invite_to_enrol",
        Text("Invite to enrol"),
        Text("Ends for people who enrol."),
        ("potential", "closed_unpaid"),
        "marketing",
        "interested",
        "seated",
    ),
    ReadyAction(
        "chase_payment",
        Text("Chase payment"),
        Text("Ends for people who have no unpaid order of it any more."),
        ("pending",),
        "marketing",
        "unpaid-order",
        "settled",
        _ORDERS,
    ),
    ReadyAction(
        "announce_start",
        Text("Announce the start"),
        Text("Ends for people who have begun to learn."),
        ("upcoming",),
        "service",
        "course-start",
        "learned",
        _LEARNT,
        words=("date",),
    ),
    ReadyAction(
        "remind_to_learn",
        Text("Remind to learn"),
        Text("Ends for people who learned in the last 3 days, or finished."),
        ("learners",),
        "service",
        "study-reminder",
        "learned",
        _LEARNT,
    ),
    ReadyAction(
        "bring_to_finish",
        Text("Bring to the end"),
        Text("Ends for people who finish."),
        ("learners",),
        "service",
        "finish-course",
        "finished",
        (("enrolments", "completed_at"),),
    ),
    ReadyAction(
        "win_back",
        Text("Win back"),
        Text("Ends for people who are learners again."),
        ("left", "expired"),
        "marketing",
        "win-back",
        "seated",
    ),
    ReadyAction(
        "invite_to_next",
        Text("Invite to another course"),
        Text("Ends for people who enrol in that course."),
        ("potential", "learners", "left", "expired"),
        "marketing",
        "promotion",
        "seated",
        invites=True,
    ),
    ReadyAction(
        "invite_to_open_class",
        Text("Invite to an open class"),
        Text("Ends for people who enrol in that class."),
        ("potential", "left", "closed_unpaid"),
        "marketing",
        "open-class",
        "seated",
        invites=True,
        words=("date",),
    ),
    ReadyAction(
        "offer_code",
        Text("Offer a code"),
        Text("Ends for people who buy it."),
        ("potential", "left", "closed_unpaid", "expired"),
        "marketing",
        "coupon",
        "bought",
        _ORDERS,
        words=("code", "date"),
    ),
)
"""In the order in which a tab shows them."""


def offered(crm: Crm, stage: str = "") -> list[ReadyAction]:
    """Return the actions of a stage, or of all, as far as the school's data allow them."""
    knows = service.catalogue(crm).knows
    return [
        one
        for one in ACTIONS
        if (not stage or stage in one.stages) and all(knows(*need) for need in one.needs)
    ]


def find(crm: Crm, stage: str, name: str) -> ReadyAction:
    """Return an action of a stage.

    :raises BadInput: ``input.bad`` when the stage has no such action.
    """
    known = {one.name: one for one in offered(crm, stage)}
    if name not in known:
        raise BadInput("input.bad", "action", reason=one_of(known or ("-",)))
    return known[name]
