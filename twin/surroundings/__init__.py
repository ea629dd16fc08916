"""The surroundings of a place: nearby features, the areas that hold it, and the features in an area."""
