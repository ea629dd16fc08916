"""A demo city that lives: what its feeds would say in any second, as a pure function of seed, place and time."""
