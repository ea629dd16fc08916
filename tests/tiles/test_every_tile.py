"""Every tile is 200 or 204: for each layer, zoom, place with or without features, reader and moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import mapbox_vector_tile
import pytest

from tests.running_app import OPERATOR
from tiles.address import TileAddress
from tiles.cells import cell_of
from tiles.grids import GRIDS

ZOOMS = (0, 9, 13, 14, 15, 22)
NOWHERE = (0.5, 0.5)  # in the Gulf of Guinea
READERS = {"anonymous": {}, "operator": OPERATOR}


def places(extent):
    """Return a place in the middle of a layer's extent, one at its corner, and an empty one."""
    west, south, east, north = extent
    return ((west + east) / 2, (south + north) / 2), (west, south), NOWHERE


def layers(client, reader):
    """Return the extents of the layers a reader sees, by their ids."""
    described = client.get("/ogc/collections", headers=READERS[reader]).json()["collections"]
    return {
        one["id"]: one["extent"]["spatial"]["bbox"][0]
        for one in described
        if one.get("itemType") == "feature" and "spatial" in one["extent"]
    }


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("past", [False, True], ids=["now", "then"])
def test_every_tile_of_every_layer_answers(client, reader, past):
    moment = {"at": (datetime.now(UTC) - timedelta(seconds=1)).isoformat()} if past else {}
    wrong = []
    for layer, extent in layers(client, reader).items():
        for zoom in ZOOMS[::2] if past else ZOOMS:
            for lon, lat in places(extent):
                x, y = cell_of(lon, lat, zoom)
                answer = client.get(f"/tiles/{layer}/{zoom}/{x}/{y}.mvt", params=moment, headers=READERS[reader])
                if answer.status_code not in {200, 204} or (answer.status_code == 200) != bool(answer.content):
                    wrong.append((layer, zoom, x, y, answer.status_code))
    assert not wrong


def test_every_tile_answers_in_every_set_and_in_company(client):
    wrong = []
    for layer, extent in layers(client, "anonymous").items():
        other = "roads" if layer != "roads" else "streets"
        for zoom in ZOOMS[::3]:
            for lon, lat in (*places(extent)[:1], NOWHERE):
                x, y = cell_of(lon, lat, zoom)
                xyz = f"{zoom}/{x}/{y}.mvt"
                asked = [f"/tiles/{layer},{other}/{xyz}", f"/tiles/{layer}/{xyz}?filter=id='x'"]
                for grid in GRIDS.values():
                    side = grid.tile_deg(zoom)
                    column, row = (int((lon + 180) / side), int((90 - lat) / side)) if grid.in_degrees else (x, y)
                    if zoom <= grid.deepest:
                        TileAddress(zoom, column, row, grid)
                        asked.append(f"/ogc/collections/{layer}/tiles/{grid.id}/{zoom}/{row}/{column}")
                wrong += [
                    (path, status) for path in asked if (status := client.get(path).status_code) not in {200, 204}
                ]
    assert not wrong


def test_an_empty_cell_of_points_that_are_counted_is_no_content(client):
    """Below their zoom points are drawn as counts; without points there is no tile."""
    extent = layers(client, "anonymous")["video_points"]
    (lon, lat), *_ = places(extent)
    x, y = cell_of(lon, lat, 12)
    full = client.get(f"/tiles/video_points/12/{x}/{y}.mvt")
    assert "count" in mapbox_vector_tile.decode(full.content)["video_points"]["features"][0]["properties"]
    for path in ("/tiles/video_points/12/0/0.mvt", "/tiles/roads,video_points/12/0/0.mvt"):
        assert client.get(path).status_code == 204
