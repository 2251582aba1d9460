"""What every capability stands on, and nothing of a school, a person or a message.

Settings, errors, words, clock, audit and small files of state stand here side by side, and import nothing
above. The rooms:

- ``db``: the database; engine and retries, column types, writes in bulk.
- ``credentials``: accounts, passwords, sessions and tokens. ``network``: addresses, and our own fetches.
- ``queue``: wake-ups by Redis. ``jobs``: the worker, its upkeep, daily jobs, items that a job left aside.
"""
