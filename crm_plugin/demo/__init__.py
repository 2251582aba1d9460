"""Lantern Academy: a small reference school, a Flask application with plug-in hooks of its own."""

from crm_plugin.demo.app import create_app
from crm_plugin.demo.generate import Account, demo_accounts, fill

__all__ = ["Account", "create_app", "demo_accounts", "fill"]
