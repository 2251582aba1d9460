"""What lists and exports of people can show: one row a column, with its name."""

from dataclasses import dataclass

from crm_plugin.host.records import Actor
from crm_plugin.kernel.i18n import Text
from crm_plugin.profiles.store.masking import may_see_contacts
from crm_plugin.segments.language.catalogue import Catalogue


@dataclass(frozen=True)
class Column:
    """A column of people.

    :param key: attribute of :class:`crm_plugin.profiles.people.queries.PersonRow`, provided by the school.
    :param kind: ``text status instant number money flag``.
    :param private: a contact: masked on pages and left out of exports without ``crm.contacts``.
    """

    key: str
    label: Text
    kind: str = "text"
    private: bool = False


COLUMNS: tuple[Column, ...] = (
    Column("display_name", Text("Name", "column")),
    Column("host_id", Text("Id at the school", "column")),
    Column("real_name", Text("Real name", "column")),
    Column("username", Text("User name", "column"), private=True),
    Column("status", Text("State", "column"), "status"),
    Column("phone", Text("Telephone", "column"), private=True),
    Column("email", Text("E-mail", "column"), private=True),
    Column("gender", Text("Gender", "column")),
    Column("country", Text("Country", "column")),
    Column("city", Text("City", "column")),
    Column("company", Text("Company", "column")),
    Column("registered_at", Text("Registered", "column"), "instant"),
    Column("last_login_at", Text("Last signed in", "column"), "instant"),
    Column("last_active_at", Text("Last active", "column"), "instant"),
    Column("last_learned_at", Text("Last learned", "column"), "instant"),
    Column("member_level", Text("Membership", "column")),
    Column("member_until", Text("Member until", "column"), "instant"),
    Column("paid_count", Text("Orders", "column"), "number"),
    Column("paid_total", Text("Spent", "column"), "money"),
    Column("first_paid_at", Text("First purchase", "column"), "instant"),
    Column("last_paid_at", Text("Latest purchase", "column"), "instant"),
    Column("refunded_total", Text("Refunded", "column"), "money"),
    Column("unpaid_count", Text("Unpaid orders", "column"), "number"),
    Column("marketed_count", Text("Messages received", "column"), "number"),
    Column("last_marketed_at", Text("Last marketed", "column"), "instant"),
)
"""In the order in which they stand."""
NAME = COLUMNS[0]
"""Stands in every list: it leads to the person."""
DEFAULT = ("display_name", "phone", "email", "registered_at", "last_active_at", "paid_count", "paid_total")


def offered(catalogue: Catalogue, actor: Actor) -> list[Column]:
    """Return the columns that the school provides and the actor may see; amounts need ``crm.money``."""
    return [
        one
        for one in COLUMNS
        if _is_provided(one, catalogue) and (one.kind != "money" or actor.may("crm.money"))
    ]


def exported(columns: list[Column], actor: Actor) -> list[Column]:
    """Return the columns that the actor may take away: contacts need ``crm.contacts``."""
    return [one for one in columns if not one.private or may_see_contacts(actor)]


def _is_provided(column: Column, catalogue: Catalogue) -> bool:
    field = catalogue.field(column.key)
    return field is None or catalogue.offers(field)
