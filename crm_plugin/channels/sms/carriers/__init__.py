"""SMS carriers that are called over HTTP, one file each, and what several of them share.

A carrier's requests, its codes of refusal, its delivery reports and the filing of its templates stand here.
Which carriers there are is written down in ``channels/registry``.
"""
