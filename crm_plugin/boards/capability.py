"""What boards bring to the capabilities below: the stages as conditions."""

from crm_plugin.boards import jobs
from crm_plugin.boards.stages.stage_fields import FIELDS
from crm_plugin.host.contributions import Capability
from crm_plugin.host.jobs import Jobs
from crm_plugin.segments.extension import FilterExtension

BOARDS = Capability(
    "boards",
    (FilterExtension(fields=FIELDS), Jobs(daily=jobs.DAILY, burst=jobs.burst, upkeep=jobs.UPKEEP)),
)
