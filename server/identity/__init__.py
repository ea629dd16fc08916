"""The identity of requests: tokens and their actors."""
