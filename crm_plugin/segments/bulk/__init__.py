"""Work on all people that a tree finds: exports into files, and tags put on or taken off.

Small work is done at once, large work by one worker at a time. Writing to the people is a campaign's work.
"""
