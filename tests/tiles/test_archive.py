"""PMTiles: an export equals the served tiles, also for another reader; a damaged file is reported, not served."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from contextlib import ExitStack

import httpx
import mapbox_vector_tile
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import box
from structlog.testing import capture_logs
from typer.testing import CliRunner

from layers.errors import BadInput, NotFound
from server.cli import _register_commands, app
from server.installation import PROJECT
from server.settings import load_settings
from tests.databases import temporary_database
from tests.running_app import running_app
from tiles.archive import Archive, Head, writing
from tiles.basemaps import Basemaps
from tiles.pyramid import count_over, tiles_over

HEAD = Head("试 trial", "trial", "", (113.2, 23.0, 113.5, 23.3), range(10, 12), ({"id": "a", "fields": {}},))
BOX = (113.25, 23.05, 113.45, 23.25)


def written(path, tiles):
    with writing(path, HEAD) as add:
        for z, x, y, content in tiles:
            add(z, x, y, gzip.compress(content) if content else b"")
    return Archive(path)


@given(st.dictionaries(st.tuples(st.integers(0, 1023), st.integers(0, 1023)), st.binary(max_size=40), min_size=1))
def test_what_was_written_is_read(tmp_path_factory, tiles):
    if not any(tiles.values()):
        return
    archive = written(tmp_path_factory.mktemp("a") / "a.pmtiles", [(10, x, y, c) for (x, y), c in tiles.items()])
    for (x, y), content in tiles.items():
        assert archive.tile(10, x, y) == (content or None)
    archive.close()


def test_an_archive_tells_of_itself(tmp_path):
    archive = written(tmp_path / "a.pmtiles", [(10, 1, 1, b"a"), (11, 2, 2, b"b")])
    assert archive.zooms == range(10, 12)
    assert archive.bounds_crs84 == HEAD.bounds_crs84
    assert archive.metadata["vector_layers"] == [{"id": "a", "fields": {}}]
    assert archive.media_type == "application/vnd.mapbox-vector-tile"


def test_an_empty_archive_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(BadInput, match="nothing lies"):
        written(tmp_path / "a.pmtiles", [(10, 1, 1, b"")])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"PMTiles", b"x" * 500, b"PMTiles\x03" + b"\xff" * 300])
def test_what_is_not_an_archive_is_told(tmp_path, content):
    (tmp_path / "a.pmtiles").write_bytes(content)
    with pytest.raises(BadInput, match="not a PMTiles archive"):
        Archive(tmp_path / "a.pmtiles")


def test_base_maps_are_found_by_name_and_nothing_else(tmp_path):
    (tmp_path / "maps").mkdir()
    written(tmp_path / "maps" / "city.pmtiles", [(10, 1, 1, b"a")]).close()
    written(tmp_path / "secret.pmtiles", [(10, 1, 1, b"a")]).close()
    maps = Basemaps(tmp_path / "maps")
    assert maps.names() == ["city"]
    assert maps.get("city") is maps.get("city")
    written(tmp_path / "maps" / "city.pmtiles", [(10, 1, 1, b"another")]).close()
    assert maps.get("city").tile(10, 1, 1) == b"another"
    for name in ("../secret", "nosuch", "", "a/b", "city.pmtiles"):
        with pytest.raises(NotFound, match="city"):
            maps.get(name)
    assert Basemaps(tmp_path / "nowhere").names() == []


def test_a_broken_base_map_is_read_once_until_it_is_replaced(tmp_path):
    file, maps = tmp_path / "city.pmtiles", Basemaps(tmp_path)
    file.write_bytes(b"PMTiles\x03" + b"\xff" * 300)
    with capture_logs() as said:
        for _ in range(3):
            with pytest.raises(NotFound, match="'city' cannot be read"):
                maps.get("city")
    assert len(said) == 1, "tried at the first request alone"
    written(file, [(10, 1, 1, b"a")]).close()
    assert maps.get("city").tile(10, 1, 1) == b"a"


def test_the_pyramid_counts_what_it_yields():
    tiles = list(tiles_over(BOX, range(8, 14)))
    assert len(tiles) == len(set(map(repr, tiles))) == count_over(BOX, range(8, 14))
    for tile in tiles:
        west, south, east, north = tile.box()
        assert box(west, south, east, north).intersects(box(*BOX))


@pytest.fixture(scope="module")
def url(cluster, district_template):
    with temporary_database(cluster, district_template) as url:
        yield url


def run(url, home, monkeypatch, *arguments):
    _register_commands()
    monkeypatch.setenv("ONEMAP_DATABASE_URL", url)
    return CliRunner().invoke(app, ["tiles", *arguments, "--home", str(home)], catch_exceptions=False)


def test_warm_tiles_are_there_when_the_server_starts_and_a_second_run_draws_none(url, tmp_path, monkeypatch):
    first = run(url, tmp_path, monkeypatch, "warm", "streets,communities", "--zooms", "10-12")
    assert first.exit_code == 0, first.output
    assert "已有 there already: 0" in first.output
    again = run(url, tmp_path, monkeypatch, "warm", "streets,communities", "--zooms", "10-12")
    assert "drawn: 0" in again.output


@pytest.mark.parametrize("zooms", ["x", "14-8", "8-23", "-3"])
def test_zooms_that_are_none_are_told(url, tmp_path, monkeypatch, zooms):
    with pytest.raises(BadInput, match="0 to 22"):
        run(url, tmp_path, monkeypatch, "warm", "streets", f"--zooms={zooms}")


GUIDE = (PROJECT / "docs" / "guide" / "tiles.md").read_text(encoding="utf-8")
TOLD = """
import json
print(json.dumps({"names": sorted(names), "rows": len(streets), "fields": list(streets.columns)}))
"""


def test_an_export_is_read_by_gdal_and_served_as_a_base_map(url, tmp_path, monkeypatch):
    (tmp_path / "basemaps").mkdir()
    file = tmp_path / "basemaps" / "town.pmtiles"
    done = run(url, tmp_path, monkeypatch, "export", "streets", str(file), "--zooms", "9-11")
    assert done.exit_code == 0, done.output
    (read,) = re.findall(r"```python\n(.*?)```", GUIDE, flags=re.DOTALL)
    command = [sys.executable, "-c", read + TOLD]
    told = json.loads(
        subprocess.run(command, cwd=file.parent, capture_output=True, check=True, text=True).stdout.splitlines()[-1]
    )
    assert "streets" in told["names"]
    assert told["rows"] >= 21
    assert "id" in told["fields"]
    with ExitStack() as started:
        address = started.enter_context(running_app(load_settings(home=tmp_path, database={"url": url})))
        client = started.enter_context(httpx.Client(base_url=address, timeout=60))
        described = client.get("/basemaps/town.json").json()
        assert (described["minzoom"], described["maxzoom"]) == (9, 11)
        assert {"streets", "labels"} & {layer["id"] for layer in described["vector_layers"]}
        assert [one["id"] for one in client.get("/basemaps").json()["basemaps"]] == ["town"]
        (tile,) = list(tiles_over((113.36, 23.14, 113.36, 23.14), range(11, 12)))
        kept = client.get(described["tiles"][0].format(z=11, x=tile.x, y=tile.y))
        live = client.get(f"/tiles/streets/11/{tile.x}/{tile.y}.mvt")
        assert mapbox_vector_tile.decode(kept.content) == mapbox_vector_tile.decode(live.content)
        assert kept.headers["content-encoding"] == "gzip"
        same = client.get(
            described["tiles"][0].format(z=11, x=tile.x, y=tile.y), headers={"If-None-Match": kept.headers["etag"]}
        )
        assert same.status_code == 304
        assert client.get("/basemaps/town/11/0/0").status_code == 204
        assert client.get("/basemaps/town/12/0/0").status_code == 404
        assert client.get("/basemaps/town/11/2048/0").status_code == 404
        assert client.get("/basemaps/other/11/0/0").status_code == 404


def test_an_export_holds_every_tile_that_the_server_gives(url, tmp_path, monkeypatch):
    file = tmp_path / "all.pmtiles"
    names, zooms = "roads,streets,video_points", range(9, 16)
    done = run(url, tmp_path, monkeypatch, "export", names, str(file), "--zooms", "9-15")
    assert done.exit_code == 0, done.output
    archive = Archive(file)
    with ExitStack() as started:
        address = started.enter_context(running_app(load_settings(home=tmp_path / "server", database={"url": url})))
        client = started.enter_context(httpx.Client(base_url=address, timeout=60))
        tiles = list(tiles_over(archive.bounds_crs84, zooms))
        kept = 0
        for tile in tiles:
            live = client.get(f"/tiles/{names}/{tile.z}/{tile.x}/{tile.y}.mvt").content
            carried = archive.tile(tile.z, tile.x, tile.y)
            assert (carried or b"") == live, tile
            kept += carried is not None
        assert 50 < kept <= len(tiles)
        assert f"{kept:,} 个瓦片" in " ".join(done.output.split())
    archive.close()


def test_tiles_that_were_not_made_are_told(url, tmp_path, monkeypatch):
    from server.commands import tiles as command  # noqa: PLC0415  # whose count is made wrong

    monkeypatch.setattr(command, "tiles_over", lambda box, zooms: list(tiles_over(box, zooms))[:-1])
    with pytest.raises(RuntimeError, match="tiles were made of the"):
        run(url, tmp_path, monkeypatch, "export", "streets", str(tmp_path / "a.pmtiles"), "--zooms", "9-11")
    assert not (tmp_path / "a.pmtiles").exists()


def test_a_folder_that_is_not_there_is_told_before_anything_is_made(url, tmp_path, monkeypatch):
    with pytest.raises(BadInput, match=r"there is no folder '.*nowhere'"):
        run(url, tmp_path, monkeypatch, "export", "streets", str(tmp_path / "nowhere" / "a.pmtiles"), "--zooms", "9")
