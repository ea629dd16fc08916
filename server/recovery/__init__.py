"""Backup, restore, drill and upgrade of an installation: its database, its home and its configuration."""
