"""The home page: what is to be done today, pinned quick queries, what was sent, the make-up of people.

The numbers come from ``dashboard``; here are their words, their links and what charts are drawn from.
"""
