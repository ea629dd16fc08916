"""Indexes of the layer of events: for the numbers of events in an area, and for those that wait for a place."""

_OPEN = "onemap.event_is_open(stage, closed_at)"
INDEXES = {
    "open_grid": f"(grid_code) WHERE {_OPEN}",
    "open_area": f'(area_code COLLATE "C") WHERE {_OPEN}',
    "open_village": f"USING gin (urban_village_ids) WHERE {_OPEN}",
    "day_grid": "(grid_code, occurred_at)",
    "day_area": '(area_code COLLATE "C", occurred_at)',
    "unplaced": "(id) WHERE geom IS NULL",
}
"""Index definitions by name: open events by area, all events by area and day, and events without a place."""
