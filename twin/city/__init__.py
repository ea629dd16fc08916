"""The demo city: the messages of its feeds in any second, as a pure function of seed, district and time."""
