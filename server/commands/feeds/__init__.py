"""Subgroups of ``onemap feed``: refused messages, and events to be completed."""
