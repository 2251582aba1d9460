"""The board of one course or class: a tab per stage, its people with what matters there, ready actions.

Who is in a stage is decided in ``boards``; a ready action in ``campaigns/ready``. Here answers become pages.
"""
