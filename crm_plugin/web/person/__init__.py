"""The page of one person, its cards, and what staff write on it: notes, tags, intentions, consent, a message.

What is shown, and to whom, is decided in ``profiles/people``; storing it in ``profiles/staff`` and
``profiles/consent``.
"""
