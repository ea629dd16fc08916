"""Checks of everything the service stands on; each finding says what to do."""
