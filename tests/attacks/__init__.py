"""Attacks, one file for each door by which something of somebody else's comes in; each is refused."""
