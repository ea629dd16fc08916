"""Backups: base backups with an archived log, dumps, files beside the database, and their restore."""
