"""The commands of `./onemap`; a module with `register(app)`, which `server/cli.py` calls, is a command."""
