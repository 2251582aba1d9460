"""What campaigns bring to the capabilities below: related rows, a fact, and what a click needs to know."""

from typing import Any

import sqlalchemy as sa

from crm_plugin.campaigns.feedback import bounces
from crm_plugin.campaigns.launch import reach
from crm_plugin.campaigns.ledger import merge_and_erase
from crm_plugin.campaigns.ledger.person_facts import marketed
from crm_plugin.campaigns.ledger.states import STATES
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.campaigns.queries import topic_of, users_of_query, users_of_template, users_of_topic
from crm_plugin.campaigns.reporting.report import clicks, delivery_facts, held_on, timeline
from crm_plugin.channels.email.feedback.bounces import held_on as bounces_of
from crm_plugin.channels.registry import CHANNELS
from crm_plugin.channels.sms_templates.editing import USERS as TEMPLATE_USERS
from crm_plugin.host.context import Crm
from crm_plugin.kernel.i18n import Text
from crm_plugin.kernel.registry import Registry
from crm_plugin.links.measures import clicked_deliveries
from crm_plugin.links.topic_optout import MESSAGE_TOPICS
from crm_plugin.profiles.consent.address_locks import HOLDERS
from crm_plugin.profiles.consent.topics import USERS as TOPIC_USERS
from crm_plugin.profiles.facts import compute
from crm_plugin.profiles.people.timeline import TIMELINE
from crm_plugin.profiles.privacy.erase import ERASURES
from crm_plugin.profiles.privacy.merge import MERGES
from crm_plugin.profiles.privacy.requests import EXPORTS
from crm_plugin.segments.language import fields
from crm_plugin.segments.language.dates import Present
from crm_plugin.segments.language.fields import Relation, row_field
from crm_plugin.segments.language.sources import Among, Column
from crm_plugin.segments.language.value_types import CODE, FLAG, INSTANT, NUMBER
from crm_plugin.segments.saved import quick_queries


def compose(crm: Crm) -> None:
    """Register all that; doing it again changes nothing."""
    crm.extras["delivery_facts"] = delivery_facts
    compute.register("marketed", marketed)
    quick_queries.USERS.add("campaigns", users_of_query)
    TEMPLATE_USERS.add("campaigns", users_of_template)
    TOPIC_USERS.add("campaigns", users_of_topic)
    MESSAGE_TOPICS.add("campaigns", topic_of)
    reach.register()
    HOLDERS.add("campaigns", merge_and_erase.holders)
    MERGES.add("campaigns", merge_and_erase.merge)
    ERASURES.add("campaigns", merge_and_erase.erase)
    ERASURES.add("bounces", bounces.erase)
    compute.register("erased", merge_and_erase.erase_again)
    if "campaigns" not in TIMELINE:
        TIMELINE.add("campaigns", timeline)
        TIMELINE.add("clicks", clicks)
        EXPORTS.add("messages", held_on)
        EXPORTS.add("bounces", bounces_of)
    if "deliveries" not in fields.RELATIONS:
        _register_fields()


def _own_campaigns(row: Any, present: Present) -> sa.ColumnElement[bool]:
    theirs: sa.ColumnElement[bool] = row.campaign_id.in_(
        sa.select(Campaign.id).where(Campaign.created_by == present.reader)
    )
    return theirs


def _register_fields() -> None:
    fields.add_field("marketed_count", Text("marketing messages received"), NUMBER)
    fields.add_field("last_marketed_at", Text("last marketed"), INSTANT)
    fields.add_relation(
        Relation(
            *("deliveries", Text("campaign messages"), Delivery, Registry("field")),
            limit=_own_campaigns,
        ),
        row_field("campaign_id", Text("campaign"), NUMBER, picker="campaign"),
        row_field("channel", Text("channel"), CODE, values=tuple(CHANNELS)),
        row_field("state", Text("state"), CODE, values=STATES),
        row_field("sent_at", Text("sent"), INSTANT, Column("handed_at")),
        row_field("clicked", Text("clicked"), FLAG, Among(clicked_deliveries)),
    )
