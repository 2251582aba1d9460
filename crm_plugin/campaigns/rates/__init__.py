"""How fast one campaign may go: its own limit, its carrier's, and the share of one worker.

Which limits bind, and what is granted from them. Counting over all processes is the work of
``channels/rates``; how long a campaign takes is estimated in ``composing``.
"""
