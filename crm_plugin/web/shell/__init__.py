"""What every page stands in: the guard of rights, frame and menu, languages, values as text, flash lines.

A page calls this room for its frame, never the other way round. Macros of templates stand beside, in
``templates/crm/shell``; words of one room's states in that room.
"""
