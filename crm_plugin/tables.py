"""One metadata of all tables, for migrations."""

import crm_plugin.automations.models
import crm_plugin.automations.recurring.models
import crm_plugin.boards.models
import crm_plugin.campaigns.models
import crm_plugin.channels.models
import crm_plugin.kernel.audit
import crm_plugin.kernel.credentials.accounts
import crm_plugin.kernel.credentials.sessions
import crm_plugin.kernel.credentials.tokens
import crm_plugin.kernel.jobs.daily
import crm_plugin.kernel.jobs.failed_items
import crm_plugin.kernel.key_value
import crm_plugin.links.models
import crm_plugin.profiles.models.school
import crm_plugin.profiles.models.staff
import crm_plugin.profiles.models.streams
import crm_plugin.profiles.models.topics
import crm_plugin.segments.models  # noqa: F401 - each import adds its tables
from crm_plugin.kernel.db.types import Base

metadata = Base.metadata
