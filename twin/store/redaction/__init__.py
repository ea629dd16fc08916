"""Redaction of free text before it is stored for many readers: numbers, handles, homes and names."""
