"""What an actor may ask: a condition or an order by what is not shown to them would tell it by and by."""

from collections.abc import Iterator

from crm_plugin.host.permissions import need
from crm_plugin.host.records import Actor
from crm_plugin.kernel.errors import Refused
from crm_plugin.segments.language.course_sources import CourseValue
from crm_plugin.segments.language.fact_sources import Whole
from crm_plugin.segments.language.fields import FIELDS, Field
from crm_plugin.segments.language.tree import Aggregate, Group, Node, Related, Rule, Tree
from crm_plugin.segments.language.value_types import MONEY


def check(tree: Tree, actor: Actor | None) -> None:
    """Refuse conditions on contacts and on what people paid to who may not see these.

    A saved search that a colleague shares may ask more than its readers could: its owner decided that.

    :param actor: None = the operator, who may ask everything.
    :raises Refused: ``segment.needs_contacts``, ``segment.needs_money``, with the place.
    """
    if actor is None:
        return
    if tree.private and not actor.may("crm.contacts"):
        where, name = tree.private[0]
        raise Refused("segment.needs_contacts", where, field=name)
    if not actor.may("crm.money"):
        for place, field in _own(tree.root):
            if is_revenue(field):
                raise Refused("segment.needs_money", place, field=field.name)


def check_order(sort: str, actor: Actor) -> None:
    """Refuse to sort people by what the actor may not see.

    :param sort: a name of :data:`crm_plugin.segments.listing.paging.SORTS`, perhaps with a minus before it.
    :raises Refused: ``access.refused``.
    """
    field = FIELDS.get(sort.removeprefix("-"))
    if field is not None and is_revenue(field):
        need(actor, "crm.money")


def is_hidden(field: Field, actor: Actor) -> bool:
    """Tell whether menus leave a field out."""
    if field.private:
        return not actor.may("crm.contacts")
    if isinstance(field.source, Whole):
        return actor.scope is not None
    return is_revenue(field) and not actor.may("crm.money")


def is_revenue(field: Field) -> bool:
    """Tell whether a field says what somebody paid; the price of a course is no secret."""
    return field.kind is MONEY and not isinstance(field.source, CourseValue)


def _own(node: Node) -> Iterator[tuple[str, Field]]:
    """Yield (place, field) of a document's own conditions, not of the saved searches that it names."""
    if isinstance(node, Rule):
        yield node.place, node.field
    elif isinstance(node, Group):
        for one in node.members:
            yield from _own(one)
    elif isinstance(node, Related | Aggregate):
        if isinstance(node, Aggregate) and node.field is not None:
            yield node.place, node.field
        if node.where is not None:
            yield from _own(node.where)
