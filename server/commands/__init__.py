"""The commands of `./onemap`, one a file; each has `register(app)`, which `server/cli.py` calls."""
