"""Protocols of feeds: a class each, with a connector where messages are not pushed over HTTP."""
