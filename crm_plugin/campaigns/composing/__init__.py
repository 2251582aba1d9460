"""Drafts before their launch: writing and changing them, what they cost, how they look, what is in their way.

Nothing here sends, but for a test to one's own address. What a campaign file may say is in ``document``; the
forms of the composer are in ``web/campaigns``.
"""
