"""What people allow: consent events, suppressed addresses, topics, and the people that a channel may reach.

``channels`` alone knows which address a channel writes to. Words of opt-out pages are in ``web/public``;
why a campaign leaves somebody out is in ``campaigns/policy``.
"""
