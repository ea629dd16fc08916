"""Indexes of the layer of events: for numbers in an area, for those that wait for a place, and for the newest."""

_OPEN = "onemap.event_is_open(stage, closed_at)"
INDEXES = {
    "open_grid": f"(grid_code) WHERE {_OPEN}",
    "open_area": f'(area_code COLLATE "C") WHERE {_OPEN}',
    "open_village": f"USING gin (urban_village_ids) WHERE {_OPEN}",
    "day_grid": "(grid_code, occurred_at)",
    "day_area": '(area_code COLLATE "C", occurred_at)',
    "unplaced": "(id) WHERE geom IS NULL",
    "newest": "(occurred_at DESC NULLS LAST, id)",
}
"""Index definitions by name: open events by area, all by area and day, those without a place, and all, newest first."""
