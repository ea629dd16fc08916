"""Pages of text beside the map: the catalogue, the feeds, the guides."""

from server.routes.pages import catalogue, guide, status

PAGES = (catalogue, status, guide)
"""In the order in which they are tried and described."""
