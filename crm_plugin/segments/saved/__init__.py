"""Quick queries: saving, sharing, pinning, deleting, their kept counts, and undoing a change of one.

What a saved tree means is no matter of this room; a count is asked of ``service`` and kept here.
"""
