"""How the school's records become rows: one spelling, hashes that show a change, batches of one transaction.

Also kept here: whose facts are to be computed again, the hashes that keep erased people away, the courses
that an actor is limited to. ``sync`` decides when something is read, and what comes next.
"""
