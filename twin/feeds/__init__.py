"""How messages come in: a feed is a file, a format is a pure function, and everything becomes the one envelope."""
