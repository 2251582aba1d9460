"""Each job is called by its name, as a worker does, and what it leaves behind is looked at."""
