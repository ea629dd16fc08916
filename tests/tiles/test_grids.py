"""Tile matrix sets against morecantile, which reads them from the standard's own files."""

from __future__ import annotations

import math

import morecantile
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from layers.errors import NotFound
from tiles.grids import CGCS2000, GRIDS, WEB_MERCATOR, WORLD_CRS84, grid_of

STANDARD = [WEB_MERCATOR, WORLD_CRS84]


@st.composite
def addresses(draw, grid):
    z = draw(st.integers(0, grid.deepest))
    return z, draw(st.integers(0, (grid.columns << z) - 1)), draw(st.integers(0, (grid.rows << z) - 1))


@pytest.mark.parametrize("grid", STANDARD, ids=lambda g: g.id)
def test_the_document_is_that_of_the_standard(grid):
    theirs = morecantile.tms.get(grid.id)
    ours = grid.document()
    assert ours["uri"] == str(theirs.uri)
    assert ours["wellKnownScaleSet"] == str(theirs.wellKnownScaleSet)
    for matrix, other in zip(ours["tileMatrices"], theirs.tileMatrices, strict=False):
        assert matrix["id"] == other.id
        assert (matrix["matrixWidth"], matrix["matrixHeight"]) == (other.matrixWidth, other.matrixHeight)
        assert matrix["pointOfOrigin"] == pytest.approx(list(other.pointOfOrigin))
        assert matrix["cellSize"] == pytest.approx(other.cellSize, rel=1e-9)
        assert matrix["scaleDenominator"] == pytest.approx(other.scaleDenominator, rel=1e-9)


@pytest.mark.parametrize("grid", STANDARD, ids=lambda g: g.id)
def test_every_document_can_be_read_back(grid):
    again = morecantile.TileMatrixSet.model_validate(grid.document())
    assert again.tileMatrices[-1].id == str(grid.deepest)


@pytest.mark.parametrize("grid", STANDARD, ids=lambda g: g.id)
@given(drawn=st.data())
def test_tiles_lie_where_they_should(grid, drawn):
    z, x, y = drawn.draw(addresses(grid))
    grid.check(z, x, y)
    theirs = morecantile.tms.get(grid.id).xy_bounds(morecantile.Tile(x, y, z))
    side = grid.side / (1 << z)
    assert grid.bounds(z, x, y) == pytest.approx(tuple(theirs), abs=side * 1e-6)


@given(drawn=st.data())
def test_four_children_are_their_parent(drawn):
    grid = drawn.draw(st.sampled_from(list(GRIDS.values())))
    z, x, y = drawn.draw(addresses(grid))
    if z == grid.deepest:
        return
    west, _, _, north = grid.bounds(z + 1, 2 * x, 2 * y)
    _, south, east, _ = grid.bounds(z + 1, 2 * x + 1, 2 * y + 1)
    assert (west, south, east, north) == pytest.approx(grid.bounds(z, x, y), abs=1e-6)


def test_tianditu_c_is_one_level_more():
    """Level 10 of Tianditu's c has 0.001373291015625 degrees a pixel."""
    matrix = CGCS2000.document()["tileMatrices"][9]
    assert matrix["cellSize"] == 0.001373291015625
    assert (matrix["matrixWidth"], matrix["matrixHeight"]) == (2**10, 2**9)
    assert matrix["pointOfOrigin"] == [90, -180]
    assert [axis.abbrev for axis in CRS("EPSG:4490").axis_info] == list(CGCS2000.axes)
    assert math.isclose(WORLD_CRS84.document()["tileMatrices"][9]["cellSize"], matrix["cellSize"])


@pytest.mark.parametrize("grid", list(GRIDS.values()), ids=lambda g: g.id)
def test_beyond_the_last_tile_there_is_none(grid):
    with pytest.raises(NotFound, match=f"go from 0 to {grid.deepest}"):
        grid.check(grid.deepest + 1, 0, 0)
    with pytest.raises(NotFound, match=f"x goes from 0 to {(grid.columns << 3) - 1}"):
        grid.check(3, grid.columns << 3, 0)
    with pytest.raises(NotFound, match="y goes from 0 to"):
        grid.check(3, 0, -1)


def test_an_unknown_set_is_told_the_known_ones():
    with pytest.raises(NotFound, match="WebMercatorQuad, WorldCRS84Quad, CGCS2000Quad"):
        grid_of("EuropeanETRS89_LAEAQuad")
