"""Styles of the map, built from the definitions of its layers."""
