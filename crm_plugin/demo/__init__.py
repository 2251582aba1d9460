"""Lantern Academy: a small reference school, a Flask application with plug-in hooks of its own.

It imports no capability of the CRM, as no school would: its adapter is ``hooks/demo_school``. Its people are
generated; the command that fills and starts it is in ``cli``.
"""

from crm_plugin.demo.app import create_app
from crm_plugin.demo.generate import Account, demo_accounts, fill

__all__ = ["Account", "create_app", "demo_accounts", "fill"]
