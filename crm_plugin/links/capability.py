"""What links bring to an application: their jobs, and the clicks that a person may ask for."""

from crm_plugin.host.contributions import Capability
from crm_plugin.host.jobs import Jobs
from crm_plugin.links import jobs
from crm_plugin.links.measures import held_on
from crm_plugin.profiles.extension import PersonExtension

LINKS = Capability(
    "links",
    (Jobs(jobs.PERIODIC, jobs.DAILY, jobs.burst, jobs.UPKEEP), PersonExtension(export={"clicks": held_on})),
)
