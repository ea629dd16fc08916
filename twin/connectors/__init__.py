"""Connectors: they go and get what feeds have to say, one for each protocol that is not pushed over HTTP."""
