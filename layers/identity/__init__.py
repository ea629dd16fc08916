"""Identities in the database: local accounts, access tokens, sessions, and attempts to log in."""
