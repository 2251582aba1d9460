"""Reading people for pages and programs: lists, one archive, the timeline, each as an actor may see it.

Nothing here writes, and nothing asks the school. Finding people by conditions is the work of ``segments``.
"""
