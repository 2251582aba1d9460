"""Pages of administrators: health, the first reading, the outbox, stopped addresses, API tokens, topics.

A page that only an administrator opens belongs here, unless it is about one campaign, person or template.
"""
