"""Figures of courses and classes, computed set-based and kept.

``order_shares``: the one definition of a course's money. ``weeks``: the trend. ``compute``: all figures of a
portion. ``portions``: computes and writes one. ``comparison``: each night kept against computed.
"""
