"""Counts of features by area or cell: the question, the areas, the roll-ups and the response."""
