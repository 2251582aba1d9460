"""Tracked links: signed codes, the redirect, raw clicks, their classes and the three measures."""
