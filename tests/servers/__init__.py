"""Real servers for the tests: PostgreSQL, MariaDB, Valkey and Postfix.

A server is started by the first test that asks for it, serves all workers of the run, and ends with
the run, however the run ends. Nothing outside a temporary folder is touched. Postfix is each test's own, as
tests change its settings and read its log.
"""
