"""What a new demo has in the CRM beside the school's own data: as if its staff had worked there for weeks.

Everything is made by the services that pages use, some of it with a clock in the past; nothing writes rows of
a capability itself. The school's people and orders are no part of it: ``crm_plugin/demo`` makes these.
"""
