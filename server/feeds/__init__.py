"""Feeds over HTTP and on the command line: bodies, keys, senders, trials."""
