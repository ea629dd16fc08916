"""The announced ranges of a change cover every tile that shows it, at every zoom, and not the whole world."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tiles.address import BUFFER, EXTENT, TileAddress
from tiles.changed_tiles import RANGES_MAX, changed_tiles
from tiles.grids import CGCS2000, WEB_MERCATOR, WORLD_CRS84

GRIDS = st.sampled_from([WEB_MERCATOR, CGCS2000, WORLD_CRS84])
PLACES = st.tuples(st.floats(112.9, 114.1), st.floats(22.4, 23.9))


@st.composite
def boxes(draw):
    lon, lat = draw(PLACES)
    wide, high = (draw(st.sampled_from([0, 1e-6, 1e-4, 0.01, 0.3])) for _ in "xy")
    return lon, lat, lon + wide, lat + high


def around(grid, z, lon, lat):
    """Return the three by three tiles around a place."""
    count = changed_tiles([(lon, lat, lon, lat)], grid)
    scale = 2 ** (z - count.zoom)
    x, y = int(count.ranges[0][0] * scale), int(count.ranges[0][1] * scale)
    steps = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    last_x, last_y = (grid.columns << z) - 1, (grid.rows << z) - 1
    return {(min(max(x + i, 0), last_x), min(max(y + j, 0), last_y)) for i, j in steps}


@given(st.lists(boxes(), min_size=1, max_size=50), GRIDS, st.integers(0, 20))
def test_every_tile_that_shows_a_change_is_announced(changed, grid, z):
    announced = changed_tiles(changed, grid)
    assert len(announced.ranges) <= RANGES_MAX
    for west, south, east, north in changed:
        for x, y in around(grid, z, west, north) | around(grid, z, east, south):
            tile = TileAddress(z, x, y, grid)
            left, bottom, right, top = tile.box(BUFFER / EXTENT)
            if left <= east and right >= west and bottom <= north and top >= south:
                assert announced.holds(tile)


@given(PLACES, GRIDS, st.integers(12, 20))
def test_a_point_is_announced_to_its_neighbourhood_alone(place, grid, z):
    announced = changed_tiles([(*place, *place)], grid)
    assert (announced.zoom, len(announced.ranges)) == (15, 1)
    x, y = min(around(grid, z, *place))
    far = TileAddress(z, x - 3 * (1 << max(0, z - 15)), y, grid)
    assert not announced.holds(far)


def test_many_scattered_changes_are_told_in_few_words():
    scattered = [
        (113 + n % 40 * 0.02, 23 + n // 40 * 0.02, 113 + n % 40 * 0.02, 23 + n // 40 * 0.02) for n in range(999)
    ]
    announced = changed_tiles(scattered, WEB_MERCATOR)
    assert 0 < len(announced.ranges) <= RANGES_MAX
    assert announced.zoom >= 7
