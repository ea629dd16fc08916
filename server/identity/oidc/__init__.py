"""OpenID Connect: providers, their keys, their tokens, and the login of a browser."""
