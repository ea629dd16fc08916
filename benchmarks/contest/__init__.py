"""Peers and this server on the same work, by turns."""
