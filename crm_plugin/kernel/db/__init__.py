"""The database for all capabilities: connecting and retrying, column types, writes that every dialect knows.

Tables stand in the ``models`` of their capability, and questions about them there too. What one dialect
does differently is decided here, unless only the planner of ``segments`` asks for it.
"""
