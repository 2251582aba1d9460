"""How people come into an automation: by a segment or stage that they enter, or by a date of theirs.

``who_may_enter``: what a person must be, whatever brings them. ``dated``: rows whose moment has come.
``stage_people``: the people in a stage, with its course. ``entry``: the look that lets them in.
"""
