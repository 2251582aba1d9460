"""The CRM for online schools: a plug-in that finds a school's people and reaches them exactly once.

Importing this package opens nothing; :func:`crm_plugin.plugin.init_app` composes it.
"""

__version__ = "0.1.0"
