"""Connections to PostgreSQL: pools, admission, prepared statements, notifications, and errors."""
