"""Fences: movers enter, leave, dwell in and cross areas. A layer of polygons is a set of fences."""
