"""The state of an area in one answer: indicators, those of the areas below, lists and trends."""
