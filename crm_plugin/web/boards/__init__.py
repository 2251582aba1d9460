"""The board of one course or class: a tab per stage, its people with what matters there, ready actions.

Stages are decided in ``boards``; a ready action in ``campaigns/ready``. Here answers become pages.
"""
