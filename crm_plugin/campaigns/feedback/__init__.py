"""What carriers report after a message has left: delivery reports, bounces, and what they do to an address.

Reports are matched with rows of the ledger and counted once. Reading a provider's format is the work of
``channels``; asking again for a message in doubt is in ``delivery``.
"""
