"""What carriers report after a message has left: delivery reports, bounces, and what they do to an address.

Reports are matched with rows of the ledger and counted once. Reading a provider's format is the work of
``channels``; submitting a message in doubt once more is in ``delivery``.
"""
