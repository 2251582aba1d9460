"""What links bring to an application: their jobs."""

from crm_plugin.host.contributions import Capability
from crm_plugin.host.jobs import Jobs
from crm_plugin.links import jobs

LINKS = Capability("links", (Jobs(jobs.PERIODIC, jobs.DAILY, jobs.burst),))
