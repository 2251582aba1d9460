"""Rate limits that hold over all processes and restarts: counted in Redis, else in the database.

The arithmetic is written twice, in Python and as a script of Redis, and tested against itself. Which limits
bind a campaign is decided in ``campaigns/rates``.
"""
