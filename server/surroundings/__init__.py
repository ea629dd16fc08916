"""Questions about the surroundings of a place, as they are read from requests."""
