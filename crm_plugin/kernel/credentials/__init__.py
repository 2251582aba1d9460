"""Accounts, passwords, sessions and sign-ins of the CRM's own shell, tokens of programs.

The installation's secret, which signs links and cookies, is here too. No module reads a request.
"""
