"""What the home page brings to an application: its jobs."""

from crm_plugin.dashboard import jobs
from crm_plugin.host.contributions import Capability
from crm_plugin.host.jobs import Jobs

DASHBOARD = Capability("dashboard", (Jobs(jobs.PERIODIC, jobs.DAILY, jobs.burst),))
