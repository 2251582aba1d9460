"""Wake-ups for workers, by Redis or a Valkey of the installation's own; work itself is kept in the database.

What can be wrong with a server, and what to do then, stands in ``queue_faults``.
"""
