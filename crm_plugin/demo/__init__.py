"""Lantern Academy: a small reference school, a Flask application with plug-in hooks of its own."""
