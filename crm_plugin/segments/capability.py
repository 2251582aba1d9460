"""What segments bring to an application: their jobs, and how changes of quick queries are undone."""

from crm_plugin.host.contributions import Capability
from crm_plugin.host.jobs import Jobs
from crm_plugin.profiles.extension import PersonExtension
from crm_plugin.segments import jobs
from crm_plugin.segments.saved.undo import UNDO

SEGMENTS = Capability("segments", (Jobs(jobs.PERIODIC, jobs.DAILY, jobs.burst), PersonExtension(undo=UNDO)))
