"""Pages, e-mails and their parts; installs as `crm_plugin.templates`."""
