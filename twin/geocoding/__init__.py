"""Addresses: parsed, searched in the address library, and found for events that come without a place."""
