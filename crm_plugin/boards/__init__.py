"""Course and class boards: stages and money of each course."""
