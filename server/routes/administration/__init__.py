"""What administrators do by HTTP as by the commands: accounts, sessions, tokens, layers made from files."""

from server.routes.administration import accounts, layers, tokens

ADMINISTRATION = (accounts, tokens, layers)
"""In the order in which they are tried and described."""
