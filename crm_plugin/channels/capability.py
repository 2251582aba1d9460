"""What channels bring to an application: their jobs."""

from crm_plugin.channels import jobs
from crm_plugin.host.contributions import Capability
from crm_plugin.host.jobs import Jobs

CHANNELS = Capability("channels", (Jobs(jobs.PERIODIC, jobs.DAILY, jobs.burst),))
