"""What runs without anybody asking: the worker and its upkeep process, daily jobs.

What fails with one item is kept in ``failed_items``. The jobs themselves belong to the capabilities.
"""
