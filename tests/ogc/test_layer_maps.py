"""Maps of layers show the content of vector tiles as pictures; no pixel shows anything hidden from the reader."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from rasterio.io import MemoryFile

from layers.coordinates.crs import SERVED
from tiles.styles.theme import read_themes

OGC = "http://www.opengis.net/spec"
BOX = "113.295,23.095,113.405,23.155"
TILE = "WebMercatorQuad/13/3555/6675"
SIZE = {"bbox": BOX, "crs": "OGC:CRS84", "width": "330"}


def picture(answer):
    """Bands of a picture, [band, row, column]."""
    assert answer.status_code == 200, answer.text
    with warnings.catch_warnings(action="ignore"), MemoryFile(answer.content) as memory, memory.open() as file:
        return file.read().astype(int)


def seen(answer):
    """Return where a picture is not empty, [row, column]."""
    return picture(answer)[3] > 0


@pytest.mark.requirement(f"{OGC}/ogcapi-maps-1/1.0/conf/collection-map")
@pytest.mark.parametrize("layer", ["points", "areas", "lines"])
def test_a_layer_leads_to_its_map_and_the_map_shows_its_features(service, layer):
    document = service.json(f"collections/{layer}")
    links = [link for link in document["links"] if link["rel"].endswith("/1.0/map")]
    assert {link["rel"].partition(":")[0] for link in links} == {"http", "https"}
    for link in links:
        assert service.ask(link["href"]).headers["content-type"] == link["type"]
    south, west, north, east = document["extent"]["spatial"]["storageCrsBbox"][0]
    answer = service.ask(f"collections/{layer}/map")
    assert answer.headers["content-crs"] == f"<{document['storageCrs']}>"
    told = [float(side) for side in answer.headers["content-bbox"].split(",")]
    assert told == pytest.approx([south, west, north, east])
    assert 0 < seen(answer).mean() < 1


def test_a_feature_is_drawn_where_it_lies(service):
    """One point alone, in every system: the middle of its disc is the place."""
    feature = service.json("collections/points/items/r0041")
    lon, lat = feature["geometry"]["coordinates"]
    for crs in SERVED:
        around = f"{lon - 0.002},{lat - 0.001},{lon + 0.002},{lat + 0.001}"
        answer = service.ask("collections/points/map", filter="id = 'r0041'", bbox=around, crs=crs.uri, width="200")
        rows, columns = np.nonzero(picture(answer)[3] > 128)
        height, width = picture(answer).shape[1:]
        assert (rows.mean(), columns.mean()) == pytest.approx((height / 2 - 0.5, width / 2 - 0.5), abs=1.5), crs.short


def test_a_filter_and_a_moment_leave_what_meets_them(service):
    everything = seen(service.ask("collections/points/map", **SIZE))
    few = seen(service.ask("collections/points/map", filter="floors > 9", **SIZE))
    none = seen(service.ask("collections/points/map", filter="floors > 99", **SIZE))
    early = seen(service.ask("collections/points/map", datetime="../2026-01-05T00:00:00Z", **SIZE))
    assert not none.any()
    for part in (few, early):
        assert 0 < part.sum() < everything.sum()
        assert not (part & ~everything).any()
    refused = service.ask("collections/points/map", filter="secret = 'secret'", **SIZE)
    assert refused.status_code == 400


def test_the_time_of_what_is_shown_is_told(service):
    first, last = service.json("collections/points")["extent"]["temporal"]["interval"][0]
    assert service.ask("collections/points/map", **SIZE).headers["content-datetime"] == f"{first}/{last}"
    moment = "2026-01-05T00:00:00Z"
    for asked, told in ((moment, moment), (f"../{moment}", f"{first}/{moment}"), (f"{moment}/..", f"{moment}/{last}")):
        assert service.ask("collections/points/map", datetime=asked, **SIZE).headers["content-datetime"] == told
    assert "content-datetime" not in service.ask("collections/areas/map", **SIZE).headers


def written(service, layer, statement):
    """Write to a layer and wait until the service has received the change."""
    catalog = service.app.state.shared.catalog
    version = catalog.current[layer].version
    service.execute(statement.format(f"layer.{layer}"))
    service.wait(lambda: catalog.current[layer].version > version)


def test_what_is_hidden_is_in_no_pixel(own_service):
    """A reader's map equals that of a service with the reader's rows alone and empty hidden fields."""
    whole, tile = {"width": "256", "bbox": BOX, "crs": "OGC:CRS84"}, {"width": "256"}
    layers = ("points", "areas", "lines")
    maps = [(f"collections/{layer}/map", whole) for layer in layers]
    maps += [(f"collections/{layer}/map/tiles/{TILE}", tile) for layer in layers]

    def drawn(who):
        return {path: picture(own_service.ask(path, actor=who, **how)) for path, how in maps}

    def cut(statement):
        for layer in layers:
            written(own_service, layer, statement)

    anonymous, street, everything = (drawn(who) for who in ("anonymous", "street", "operator"))
    for path, _ in maps:
        assert (anonymous[path] != everything[path]).any(), path
        assert (anonymous[path] != street[path]).any(), path
    cut('UPDATE {} SET secret = NULL, contact = NULL, "inner" = NULL')
    cut("DELETE FROM {} WHERE data_grade > 2")
    for path, pixels in drawn("anonymous").items():
        assert (pixels == anonymous[path]).all(), path
    cut("DELETE FROM {} WHERE area_code NOT LIKE '440106011%'")
    for path, pixels in drawn("street").items():
        assert (pixels == street[path]).all(), path


def test_a_change_is_seen_at_once(own_service):
    path = f"collections/areas/map/tiles/{TILE}"
    before = own_service.ask(path)
    again = own_service.ask(path, headers={"if-none-match": before.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    written(own_service, "areas", "DELETE FROM {} WHERE floors > 3")
    after = own_service.ask(path)
    assert 0 < seen(after).sum() < seen(before).sum()


@pytest.mark.requirement(f"{OGC}/ogcapi-maps-1/1.0/conf/dataset-map")
@pytest.mark.requirement(f"{OGC}/ogcapi-maps-1/1.0/conf/collections-selection")
@pytest.mark.requirement(f"{OGC}/ogcapi-maps-1/1.0/conf/core")
def test_the_dataset_has_a_map_of_its_own(service):
    landing = service.json("/ogc")
    link = next(link for link in landing["links"] if link["rel"] == f"{OGC.replace('spec', 'def')}/rel/ogc/1.0/map")
    assert landing["crs"]
    assert len(landing["extent"]["spatial"]["storageCrsBbox"][0]) == 4
    assert landing["extent"]["spatial"]["crs"].endswith("/CRS84")
    whole = service.ask(link["href"], width="300")
    assert seen(whole).all()  # it has a ground
    chosen = {**SIZE, "transparent": "true"}
    both = service.ask("map", collections="areas,points", **chosen)
    assert (seen(both) == seen(service.ask("map", collections="points,areas", **chosen))).all()
    alone = [seen(service.ask("map", collections=name, **chosen)) for name in ("areas", "points")]
    assert (seen(both) == (alone[0] | alone[1])).all()
    full = service.ask("map", collections="http://map.test/ogc/collections/points", **chosen)
    assert (seen(full) == alone[1]).all()
    assert (seen(service.ask("collections/points/map", **SIZE)) == alone[1]).all()
    for names, status in (("points,nosuch", 404), ("hidden", 404), ("points,points", 400), ("plain_list", 404)):
        assert service.ask("map", collections=names).status_code == status


def test_every_style_is_drawn(service):
    pictures = {}
    for name in read_themes():
        answer = service.ask(f"collections/areas/styles/{name}/map", **SIZE)
        pictures[name] = answer.content
        assert service.ask(f"styles/{name}/map", width="64").status_code == 200
        assert service.ask(f"collections/areas/styles/{name}/map/tiles/{TILE}").status_code == 200
        assert service.ask(f"styles/{name}/map/tiles/{TILE}").status_code == 200
        tilesets = service.json(f"collections/areas/styles/{name}/map/tiles")["tilesets"]
        template = next(link["href"] for link in tilesets[0]["links"] if link["rel"] == "item")
        tile = service.ask(template.format(tileMatrix=13, tileRow=3555, tileCol=6675))
        assert tile.headers["content-type"] == "image/png"
    assert len(set(pictures.values())) == len(pictures)
    assert service.ask("collections/areas/styles/neon/map").status_code == 404
    assert service.ask("styles/neon/map/tiles").status_code == 404


@pytest.mark.requirement(f"{OGC}/ogcapi-maps-1/1.0/conf/jpeg")
@pytest.mark.requirement(f"{OGC}/ogcapi-maps-1/1.0/conf/tiff")
def test_a_map_comes_in_every_format(service):
    png = picture(service.ask("collections/areas/map", **SIZE))
    for f, kind in (("jpg", "image/jpeg"), ("webp", "image/webp"), ("tif", "image/tiff; application=geotiff")):
        answer = service.ask("collections/areas/map", f=f, **SIZE)
        assert answer.headers["content-type"] == kind
        assert picture(answer).shape[1:] == png.shape[1:]
    assert (picture(service.ask("collections/areas/map", f="tif", **SIZE)) == png).all()
    assert (
        service.ask("collections/areas/map", headers={"accept": "image/jpeg"}).headers["content-type"] == "image/jpeg"
    )
    assert service.ask("collections/areas/map", f="values").status_code == 400
    red = picture(service.ask("collections/areas/map", bgcolor="FF0000", **SIZE))
    assert (red[:, png[3] == 0].T == [255, 0, 0]).all()


@pytest.mark.requirement(f"{OGC}/ogcapi-maps-1/1.0/conf/tilesets")
def test_map_tiles_lie_edge_to_edge(service):
    """Four tiles equal the picture of their square, except for names, left out where an edge would cut them."""
    z, row, column = 14, 7110, 13350
    quarters = [
        [picture(service.ask(f"collections/lines/map/tiles/WebMercatorQuad/{z}/{row + y}/{column + x}", width="256"))
         for x in (0, 1)] for y in (0, 1)
    ]  # fmt: skip
    together = np.concatenate([np.concatenate(line, axis=2) for line in quarters], axis=1)
    side = 2 * 20_037_508.342789244 / (1 << z)
    west, north = column * side - 20_037_508.342789244, 20_037_508.342789244 - row * side
    box = f"{west},{north - 2 * side},{west + 2 * side},{north}"
    crs = "EPSG:3857"
    whole = picture(service.ask("collections/lines/map", bbox=box, bbox__crs=crs, crs=crs, width="512", height="512"))
    assert (together[3] > 0).any()
    assert ((together[3] > 0) == (whole[3] > 0)).mean() > 0.97


@pytest.mark.parametrize(
    ("path", "asked", "status"),
    [
        ("collections/points/map", {"width": "5000", "height": "5000"}, 413),
        ("collections/points/map", {"nosuch": "1"}, 400),
        ("collections/points/map", {"colormap": "gray"}, 400),
        ("collections/points/map", {"at": "2999-01-01T00:00:00Z"}, 400),
        ("collections/hidden/map", {}, 404),
        ("collections/nosuch/map", {}, 404),
        ("collections/plain_list/map", {}, 404),
        ("collections/hidden/map/tiles", {}, 404),
        (f"collections/hidden/map/tiles/{TILE}", {}, 404),
        ("collections/points/map/tiles/WebMercatorQuad/1/2/0", {}, 404),
        (f"collections/points/map/tiles/{TILE}", {"width": "0"}, 400),
        (f"collections/points/map/tiles/{TILE}", {"filter": "nosuch = 1"}, 400),
    ],
)
def test_maps_that_cannot_be(service, path, asked, status):
    answer = service.ask(path, **asked)
    assert answer.status_code == status, answer.text
    assert answer.json()["description"]
