"""From a reserved row to a settled one: the drain, the mark before a carrier is called, rows in doubt.

Also retries, stopping when carriers fail, sweeping lapsed leases, and saying so. The states themselves are
in ``ledger``; what carriers say later is in ``feedback``.
"""
