"""What is around a place or in an area: nearby features, areas that hold a place."""
