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
    """Who has it when the audience is written down."""
    marking: tuple[Asks, ...] = ()
    """Who has it right before a message leaves, over the ledger's row and its person."""
    marketing: bool = False
    """A service message skips it."""
    step: str = ""
    """The step of a reach that loses people by it; empty: no step, as it is up to one campaign."""
    field: Field | None = None
    """What the campaign file and the form say about it."""


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


def is_resting(rules: Rules, present: Present) -> c.Condition | None:
    """The person was marketed to in the last days."""
    numbers = rules.numbers(REST)
    return c.marketed(rules, present, numbers[0]) > 0 if numbers else None


def is_capped(rules: Rules, present: Present) -> c.Condition | None:
    """The person got as many messages as the cap allows."""
    numbers = rules.numbers(CAP)
    return c.marketed(rules, present, numbers[1]) >= numbers[0] if numbers else None


DUPLICATE = Reason("duplicate", Text("Same address as another person"), step="reached")
"""No condition but a rank among people with one address: reasons after it never take the address from
somebody who is to get the message."""
EXPIRED = Reason("expired", Text("Expired before it could be sent"), c.is_expired, (c.is_expired,))
NO_VALUE = Reason("no_value", Text("A blank of the text is empty"), c.lacks_word, (c.lacks_word,))

REASONS = (
    Reason(
        *("status", Text("Account not active"), c.is_inactive, (c.is_gone, c.is_inactive)),
        step="address",
    ),
    Reason("staff", Text("Staff of the school"), c.is_staff, (c.is_staff,), step="address"),
    Reason("no_address", Text("No address for this channel"), c.has_no_address, step="address"),
    Reason(
        *("suppressed", Text("Opted out or address blocked")),
        *(c.is_suppressed, (c.is_suppressed, c.is_address_suppressed)),
        step="allowed",
    ),
    Reason(
        *("no_consent", Text("No consent to marketing"), c.lacks_consent, (c.lacks_consent,)),
        marketing=True,
        step="allowed",
    ),
    Reason(
        *("topic", Text("Opted out of the topic"), c.refuses_topic, (c.refuses_topic, c.is_topic_refused)),
        step="allowed",
    ),
    Reason("holdout", Text("Held back for comparison"), c.is_held_out, marketing=True),
    Reason(
        *("left_out", Text("Got marketing recently"), is_resting, (is_resting,)),
        marketing=True,
        step="rested",
        field=REST,
    ),
    Reason(
        *("cap", Text("Reached the cap of messages"), is_capped, (is_capped,)),
        marketing=True,
        field=CAP,
    ),
    DUPLICATE,
    Reason("goal", Text("Goal already reached"), c.has_goal, (c.has_goal,)),
    EXPIRED,
    NO_VALUE,
)
"""The first one in this order counts."""
KEYS = tuple(one.key for one in REASONS)
FIELDS = tuple(one.field for one in REASONS if one.field is not None)
