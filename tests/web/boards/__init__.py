"""The boards of courses and classes over HTTP."""
