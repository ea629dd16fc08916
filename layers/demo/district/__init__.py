"""The district that is made up: outline, partition, terrain, roads, water and villages."""
