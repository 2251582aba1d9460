"""Installations of earlier versions, and what the first migration made: what upgrades must not break."""
