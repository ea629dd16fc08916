"""Pages of text beside the map: the catalogue, the guides, what operators look after."""

from server.routes.pages import accounts, catalogue, guide, layers, policy, rules, status

PAGES = (catalogue, status, layers, rules, accounts, policy, guide)
"""In the order in which they are tried and described."""
