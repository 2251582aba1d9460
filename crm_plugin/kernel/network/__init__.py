"""Addresses and connections: how one is read, whose a request's is, where our own fetches may go.

What others chose is fetched by ``public_fetch`` alone; ``cut_off`` ends an answer that drips.
"""
