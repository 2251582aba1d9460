"""SMS templates that ship with the CRM; installs as `crm_plugin.sms_templates`."""
