"""Finding people: one filter language as a tree, compiled to SQL, explained for one person."""
