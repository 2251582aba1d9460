"""What the school's staff put down about people by hand: tags, follow-ups, intentions, and how it is undone.

Tags on many people at once are work for ``segments/bulk``; what the school says of people is in ``sync``.
"""
