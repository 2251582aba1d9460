"""The people of each stage of a course: one definition in SQL for lists, tabs, figures and conditions.

``questions``: at which instant, of which courses and people. ``acts``: acts of interest. ``stalled``: behind
the median pace. ``stage_rows``: the stages. ``stage_trees``: their segments. ``stage_fields``: as conditions.
"""
