"""Quick queries: saving, sharing, pinning, deleting, their kept counts, and undoing a change of one.

What a saved tree means is no matter of this room; a count comes from ``service`` and is kept here.
"""
