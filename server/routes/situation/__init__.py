"""The state of an area, and what leaders wrote about it."""

from server.routes.situation import notes, overview

SITUATION = (overview, notes)
"""In the order in which they are described."""
