"""Course and class boards: the people of a course by stage.

Below campaigns, which write to a stage; above segments, whose trees say which people are in one. Pages of
boards, and the money of a course, come with them. Its one room, ``columns``, reads what matters of the people
of each tab.
"""
