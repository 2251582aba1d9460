"""How people are carried from step to step, until the goal or a stop ends it.

``standing``: whose step is due, and what stops them. ``walk``: waits and late messages, by times alone.
``messages``: the campaign of one step. ``advance``: carries out what is due, in one transaction.
"""
