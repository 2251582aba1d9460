"""What campaigns that repeat bring to an application: their work."""

from crm_plugin.automations.recurring import jobs
from crm_plugin.host.contributions import Capability
from crm_plugin.host.jobs import Jobs

RECURRING = Capability("recurring", (Jobs(burst=jobs.burst, upkeep=jobs.UPKEEP),))
