"""Person."""
