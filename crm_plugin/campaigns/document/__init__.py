"""The campaign file: what it may say and how it is read, the words of its text, and what a new draft takes.

What its policy means stands in ``policy``; storing and changing drafts in ``composing``.
"""
