"""The laboratory: whole swarms in one process each, by the grid, and what they show."""
