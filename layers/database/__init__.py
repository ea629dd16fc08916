"""Connections to PostgreSQL: pools, admission, statements, notifications, and faults in our words."""
