"""The page of one person, its cards, and what staff write on it: notes, tags, intentions, consent, a message.

``profiles/people`` decides what each reader sees; storing it is in ``profiles/staff`` and
``profiles/consent``.
"""
