"""Checks of a service and its surroundings; each finding names a remedy."""
