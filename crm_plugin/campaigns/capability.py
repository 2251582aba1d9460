"""What campaigns bring to the capabilities below: related rows, facts, and what a click needs to know."""

from typing import Any

import sqlalchemy as sa

from crm_plugin.campaigns import jobs, usage
from crm_plugin.campaigns.feedback import bounces, reply_list
from crm_plugin.campaigns.launch import reach
from crm_plugin.campaigns.ledger import merge_and_erase
from crm_plugin.campaigns.ledger.person_facts import marketed
from crm_plugin.campaigns.ledger.states import STATES
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.campaigns.queries import topic_of
from crm_plugin.campaigns.reporting.report import clicks, delivery_facts, held_on, timeline
from crm_plugin.channels.email.feedback.bounces import held_on as bounces_of
from crm_plugin.channels.registry import CHANNELS
from crm_plugin.channels.sms_templates.editing import TemplateUsers
from crm_plugin.host.contributions import Capability
from crm_plugin.host.jobs import Jobs
from crm_plugin.kernel.i18n import Text
from crm_plugin.kernel.registry import Registry
from crm_plugin.links.measures import clicked_deliveries
from crm_plugin.links.message_source import MessageSource
from crm_plugin.profiles.extension import PersonExtension
from crm_plugin.segments.extension import FilterExtension
from crm_plugin.segments.language.dates import Present
from crm_plugin.segments.language.definitions import Relation, make_field, row_field, with_fields
from crm_plugin.segments.language.sources import Among, Column
from crm_plugin.segments.language.value_types import CODE, FLAG, INSTANT, NUMBER


def _own_campaigns(row: Any, present: Present) -> sa.ColumnElement[bool]:
    theirs: sa.ColumnElement[bool] = row.campaign_id.in_(
        sa.select(Campaign.id).where(Campaign.created_by == present.reader)
    )
    return theirs


_DELIVERIES = with_fields(
    Relation(
        *("deliveries", Text("campaign messages"), Delivery, Registry("field")),
        limit=_own_campaigns,
    ),
    row_field("campaign_id", Text("campaign"), NUMBER, picker="campaign"),
    row_field("channel", Text("channel"), CODE, values=tuple(CHANNELS)),
    row_field("state", Text("state"), CODE, values=STATES),
    row_field("sent_at", Text("sent", "field"), INSTANT, Column("handed_at")),
    row_field("clicked", Text("clicked"), FLAG, Among(clicked_deliveries)),
)

_PERSON = PersonExtension(
    facts=(marketed, merge_and_erase.erase_again),
    holders=(merge_and_erase.holders,),
    merge=(merge_and_erase.merge, reply_list.merge),
    erase=(merge_and_erase.erase, bounces.erase, reply_list.erase),
    export={"messages": held_on, "bounces": bounces_of, "replies": reply_list.held_on},
    timeline={"campaigns": timeline, "clicks": clicks, "replies": reply_list.timeline},
    topic_users=(usage.of_topic,),
)

_FILTER = FilterExtension(
    fields=(
        make_field("marketed_count", Text("marketing messages received"), NUMBER),
        make_field("last_marketed_at", Text("last marketed"), INSTANT),
    ),
    relations=(_DELIVERIES,),
    narrowings={reach.PART: reach.narrow},
    query_users=(usage.of_query,),
)

CAMPAIGNS = Capability(
    "campaigns",
    (
        Jobs(jobs.PERIODIC, jobs.DAILY, jobs.burst, jobs.UPKEEP),
        _PERSON,
        _FILTER,
        TemplateUsers(usage.of_template),
        MessageSource(delivery_facts, topic_of),
    ),
)
