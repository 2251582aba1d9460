"""Every reason why somebody gets no message: one row each, in the order in which the first one counts.

Freeze, marking, the reach of a segment, campaign file, the composer's form, pages, report and the document of
the API derive from these rows. ``docs/recipes.md`` adds one.
"""

from collections.abc import Callable
from dataclasses import dataclass

from crm_plugin.campaigns.policy import conditions as c
from crm_plugin.campaigns.policy.campaign_policy import Rules
from crm_plugin.campaigns.policy.fields import MAX_DAYS, Field, Number
from crm_plugin.kernel.i18n import Text
from crm_plugin.segments.language.dates import Present

Asks = Callable[[Rules, Present], c.Condition | None]
"""Condition on a person, for one campaign at an instant; None = it does not ask."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason, and everything that follows from it."""

    key: str
    """Stands in the ledger, the campaign's numbers and the API: at most 16 letters."""
    label: Text
    """What pages and reports say."""
    freeze: Asks | None = None
    """The people with it when the audience is written down."""
    marking: tuple[Asks, ...] = ()
    """The people with it right before a message leaves, over the ledger's row and its person."""
    marketing: bool = False
    """A service message skips it."""
    step: str = ""
    """The step of a reach that loses people by it; empty: no step, as it is up to one campaign."""
    field: Field | None = None
    """What the campaign file and the form say about it; it is asked only where a policy has that key."""


REST = Field(
    "leave_out_days",
    (Number(unit=Text("days"), proposed=7, most=MAX_DAYS),),
    Text("Leave out people who got marketing in the last"),
    Text("leave empty: nobody is left out"),
)
CAP = Field(
    "cap",
    (
        Number("n", unit=Text("in"), proposed=3),
        Number("days", Text("Days of the cap"), Text("days"), proposed=30, most=MAX_DAYS),
    ),
    Text("At most this many marketing messages"),
    Text("per person, all channels together; leave empty for no cap"),
)
LACKING = ("block", "leave_out")
"""What becomes of a campaign some of whose people lack a word: nobody may launch it, or they are left out."""


def is_resting(rules: Rules, present: Present) -> c.Condition:
    """The person was marketed to in the last days."""
    (days,) = rules.numbers(REST)
    return c.marketed(rules, present, days) > 0


def is_capped(rules: Rules, present: Present) -> c.Condition:
    """The person got as many messages as the cap allows."""
    most, days = rules.numbers(CAP)
    return c.marketed(rules, present, days) >= most


DUPLICATE = Reason(key="duplicate", label=Text("Same address as another person"), step="reached")
"""No condition but a rank among people with one address: reasons after it never take the address from
somebody who is to get the message."""
EXPIRED = Reason(
    key="expired",
    label=Text("Expired before it could be sent"),
    freeze=c.is_expired,
    marking=(c.is_expired,),
)
NO_VALUE = Reason(
    key="no_value",
    label=Text("A blank of the text is empty"),
    freeze=c.lacks_word,
    marking=(c.lacks_word,),
)

REASONS = (
    Reason(
        key="status",
        label=Text("Account not active"),
        freeze=c.is_inactive,
        marking=(c.is_gone, c.is_inactive),
        step="address",
    ),
    Reason(
        key="staff",
        label=Text("Staff of the school"),
        freeze=c.is_staff,
        marking=(c.is_staff,),
        step="address",
    ),
    Reason(
        key="no_address",
        label=Text("No address for this channel"),
        freeze=c.has_no_address,
        step="address",
    ),
    Reason(
        key="suppressed",
        label=Text("Opted out or address blocked"),
        freeze=c.is_suppressed,
        marking=(c.is_suppressed, c.is_address_suppressed),
        step="allowed",
    ),
    Reason(
        key="no_consent",
        label=Text("No consent to marketing"),
        freeze=c.lacks_consent,
        marking=(c.lacks_consent,),
        marketing=True,
        step="allowed",
    ),
    Reason(
        key="topic",
        label=Text("Opted out of the topic"),
        freeze=c.refuses_topic,
        marking=(c.refuses_topic, c.is_topic_refused),
        step="allowed",
    ),
    Reason(
        key="holdout",
        label=Text("Held back for comparison"),
        freeze=c.is_held_out,
        marketing=True,
    ),
    Reason(
        key="once",
        label=Text("Got it in an earlier period"),
        freeze=c.had_it_before,
        marking=(c.had_it_before,),
    ),
    Reason(
        key="left_out",
        label=Text("Got marketing recently"),
        freeze=is_resting,
        marking=(is_resting,),
        marketing=True,
        step="rested",
        field=REST,
    ),
    Reason(
        key="cap",
        label=Text("Reached the cap of messages"),
        freeze=is_capped,
        marking=(is_capped,),
        marketing=True,
        field=CAP,
    ),
    DUPLICATE,
    Reason(
        key="goal",
        label=Text("Goal already reached"),
        freeze=c.has_goal,
        marking=(c.has_goal,),
    ),
    Reason(
        key="course",
        label=Text("Course closed or full"),
        freeze=c.is_course_closed,
        marking=(c.is_course_closed,),
    ),
    EXPIRED,
    NO_VALUE,
)
"""The first one in this order counts."""
KEYS = tuple(one.key for one in REASONS)
FIELDS = tuple(one.field for one in REASONS if one.field is not None)
