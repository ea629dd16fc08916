"""What administrators do by HTTP as by the commands: accounts, sessions, tokens, feeds, layers made from files."""

from server.routes.administration import accounts, feeds, layers, tokens

ADMINISTRATION = (accounts, tokens, layers, feeds)
"""In the order in which they are tried and described."""
