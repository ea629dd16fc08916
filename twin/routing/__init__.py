"""Routes over the layer of roads: its graph in memory, places on it, ways through it."""
