"""What profiles bring to an application: their jobs, sources of the timeline, and how tagging is undone."""

from crm_plugin.host.contributions import Capability
from crm_plugin.host.jobs import Jobs
from crm_plugin.profiles import jobs
from crm_plugin.profiles.extension import PersonExtension
from crm_plugin.profiles.people.timeline import TIMELINE
from crm_plugin.profiles.staff import purchase_intent, tags

PROFILES = Capability(
    "profiles",
    (
        Jobs(daily=jobs.DAILY, burst=jobs.burst, upkeep=jobs.UPKEEP),
        PersonExtension(
            timeline=TIMELINE, undo={tags.KIND: tags.revert, purchase_intent.KIND: purchase_intent.revert}
        ),
    ),
)
