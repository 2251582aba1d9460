"""What automations bring to the capabilities below."""

from crm_plugin.automations import jobs, merge_and_erase, queries
from crm_plugin.channels.sms_templates.editing import TemplateUsers
from crm_plugin.host.contributions import Capability
from crm_plugin.host.jobs import Jobs
from crm_plugin.profiles.extension import PersonExtension
from crm_plugin.segments.extension import FilterExtension

AUTOMATIONS = Capability(
    "automations",
    (
        Jobs(jobs.PERIODIC, jobs.DAILY, jobs.burst),
        PersonExtension(
            merge=(merge_and_erase.merge,),
            erase=(merge_and_erase.erase,),
            export={"automations": merge_and_erase.held_on},
            topic_users=(queries.uses_topic,),
        ),
        FilterExtension(query_users=(queries.uses_query,)),
        TemplateUsers(queries.uses_template),
    ),
)
