"""What every capability stands on, and nothing of a school, a person or a message.

Settings, errors, words, clock, audit, queue, workers and small files of state stand here side by side, and
import nothing above. One room:

- ``db``: the database; engine and retries, column types, writes in bulk.
"""
