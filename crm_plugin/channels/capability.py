"""What channels bring to an application: their jobs, and the written messages that a person may ask for."""

from crm_plugin.channels import jobs, outbox
from crm_plugin.host.contributions import Capability
from crm_plugin.host.jobs import Jobs
from crm_plugin.profiles.extension import PersonExtension

CHANNELS = Capability(
    "channels",
    (Jobs(jobs.PERIODIC, jobs.DAILY, jobs.burst), PersonExtension(export={"outbox": outbox.held_on})),
)
