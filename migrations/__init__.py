"""Migrations of the CRM's tables, run by Alembic; installs as `crm_plugin.migrations`."""
