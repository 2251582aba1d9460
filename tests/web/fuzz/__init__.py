"""Odd input for every page: a school in every state, the forms of its pages, and values on the edges."""
