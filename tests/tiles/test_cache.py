"""A cached tile equals the tile that would be drawn now, and a tile without changes is not drawn again."""

from __future__ import annotations

import asyncio
import random
import sys
from itertools import pairwise

import pytest

from layers.actor import OPERATOR
from tiles.address import BUFFER, EXTENT, TileAddress
from tiles.cache import TileCache, TileRequest
from tiles.disk import DiskEntry, DiskTiles
from tiles.grids import CGCS2000, WEB_MERCATOR
from tiles.vector import Drawing, tile_clause

pytestmark = pytest.mark.anyio
X, Y, Z = 13348, 7110, 14  # 113.29 to 113.36 east, 23.08 to 23.14 north, about
ADDRESSES = [TileAddress(Z, X + i, Y + j) for i in range(3) for j in range(3)]
ADDRESSES += [TileAddress(Z - 1, X // 2 + i, Y // 2) for i in range(2)]
ADDRESSES += [TileAddress(13, 13348, 3040, CGCS2000), TileAddress(13, 13349, 3041, CGCS2000)]


def wanted(layer, address):
    key = f"{layer.id}/{address.grid.id}/{address.z}/{address.x}/{address.y}"
    return TileRequest(key, (layer,), address.box(BUFFER / EXTENT))


def drawing(town, layer, address, drawn=None):
    async def draw():
        if drawn is not None:
            drawn.append(address)
        text, values = tile_clause(Drawing(layer, OPERATOR, address, 1000)).render()
        return await town.pool.fetchval(text, *values) or b""

    return draw


async def get(town, address, drawn=None, cache=None):
    layer = await town.layer()
    return await (cache or town.cache).get(wanted(layer, address), drawing(town, layer, address, drawn))


def around(chance):
    """A place in or near the tiles, often close to an edge of one."""
    west, south, east, north = TileAddress(Z, X + chance.randrange(3), Y + chance.randrange(3)).box()
    lon = chance.choice([west, east, (west + east) / 2]) + chance.uniform(-1, 1) * (east - west) * 0.03
    return lon, chance.choice([south, north, (south + north) / 2]) + chance.uniform(-1, 1) * (north - south) * 0.03


@pytest.mark.parametrize("seed", range(3))
async def test_every_cached_tile_equals_the_freshly_drawn_one_whatever_changed(town, seed):
    chance = random.Random(seed)
    for address in ADDRESSES:
        await get(town, address)
    for step in range(40):
        place = around(chance)
        if chance.random() < 0.2:
            await town.owner.execute("DELETE FROM layer.lamps WHERE id = $1", f"l{chance.randrange(8)}")
        else:
            await town.put(f"l{chance.randrange(8)}", *place)
        for address in chance.sample(ADDRESSES, 4 if step % 5 else len(ADDRESSES)):
            tile = await get(town, address)
            layer = await town.layer()
            fresh = await drawing(town, layer, address)()
            assert tile.plain() == fresh


async def test_a_change_of_one_lamp_costs_its_own_tiles_alone(town):
    west, south, east, north = ADDRESSES[4].box()
    for address in ADDRESSES:
        await get(town, address)
    await town.put("l1", (west + east) / 2, (south + north) / 2)
    drawn = []
    for address in ADDRESSES:
        await get(town, address, drawn)
    within = [a for a in ADDRESSES if a.box()[0] < (west + east) / 2 < a.box()[2]]
    within = [a for a in within if a.box()[1] < (south + north) / 2 < a.box()[3]]
    assert drawn == within
    assert 0 < len(drawn) < len(ADDRESSES)


async def test_a_hundred_who_want_one_tile_are_one_query(town):
    await town.put("l1", 113.3, 23.1)
    layer, drawn = await town.layer(), []
    begun, release = asyncio.Event(), asyncio.Event()

    async def slow():
        drawn.append(1)
        begun.set()
        await release.wait()
        return b"tile"

    async def ask():
        return await town.cache.get(wanted(layer, ADDRESSES[0]), slow)

    asking = [asyncio.create_task(ask()) for _ in range(100)]
    await begun.wait()
    asking[0].cancel()  # whoever came first goes away; the others are served all the same
    release.set()
    tiles = await asyncio.gather(*asking[1:])
    assert len(drawn) == 1
    assert all(one is other for one, other in pairwise(tiles))


async def test_what_was_begun_before_a_change_is_not_taken_for_what_came_after(town):
    layer = await town.layer()
    begun, release = asyncio.Event(), asyncio.Event()

    async def before():
        begun.set()
        await release.wait()
        return b"before"

    async def after():
        return b"after"

    west, south, east, north = ADDRESSES[0].box()
    early = asyncio.create_task(town.cache.get(wanted(layer, ADDRESSES[0]), before))
    await begun.wait()
    await town.put("l1", (west + east) / 2, (south + north) / 2)
    late = await town.cache.get(wanted(await town.layer(), ADDRESSES[0]), after)
    release.set()
    assert late.plain() == b"after"
    assert (await early).plain() == b"before"
    now = await town.cache.get(wanted(await town.layer(), ADDRESSES[0]), after)
    assert now.plain() == b"after"


async def test_an_error_is_told_to_all_and_not_kept(town):
    layer = await town.layer()

    async def broken():
        raise OSError("no")

    async def whole():
        return b"tile"

    with pytest.raises(OSError, match="no"):
        await town.cache.get(wanted(layer, ADDRESSES[0]), broken)
    assert (await town.cache.get(wanted(layer, ADDRESSES[0]), whole)).plain() == b"tile"


async def test_memory_is_bounded_and_the_oldest_goes_first(town):
    layer = await town.layer()
    cache = TileCache(town.cache.areas, None, 3_000)

    def draw(address):
        async def content():
            return random.Random(address.x * 7 + address.y).randbytes(500)

        return content

    for address in ADDRESSES:
        await cache.get(wanted(layer, address), draw(address))
    drawn = cache.served.drawn
    await cache.get(wanted(layer, ADDRESSES[-1]), draw(ADDRESSES[-1]))
    assert cache.served.drawn == drawn
    await cache.get(wanted(layer, ADDRESSES[0]), draw(ADDRESSES[0]))
    assert cache.served.drawn == drawn + 1


async def test_the_disk_cache_survives_a_restart_and_what_changed_meanwhile_is_drawn_anew(town, tmp_path):
    disk = DiskTiles(tmp_path / "tiles", 10_000_000)
    first = TileCache(type(town.cache.areas)(town.pool), disk, 1_000_000)
    west, south, east, north = ADDRESSES[0].box()
    await town.put("l1", (west + east) / 2, (south + north) / 2)  # what is empty is not kept on disk
    west, south, east, north = ADDRESSES[4].box()
    await town.put("l0", (west + east) / 2, (south + north) / 2)
    for address in ADDRESSES:
        await get(town, address, cache=first)
    await first.close()
    await town.put("l0", west + (east - west) / 3, (south + north) / 2)
    second, drawn = TileCache(type(town.cache.areas)(town.pool), disk, 1_000_000), []
    for address in ADDRESSES:
        tile = await get(town, address, drawn, cache=second)
        assert tile.plain() == await drawing(town, await town.layer(), address)()
    assert ADDRESSES[4] in drawn
    assert second.served.disk == len(ADDRESSES) - len(drawn) > 0


async def started(program):
    """Start a process that draws, and wait until it has begun."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdin=pipe, stdout=pipe)
    assert await process.stdout.readline() == b"drawing\n"
    return process


async def test_two_processes_that_want_one_tile_draw_it_once(town, tmp_path):
    """The lock belongs to a process, so one of the two must be another process."""
    disk = DiskTiles(tmp_path, 1_000_000)
    cache = TileCache(type(town.cache.areas)(town.pool), disk, 1_000_000)
    request = wanted(await town.layer(), ADDRESSES[0])
    version = (await town.layer()).version
    program = f"""
import sys
from pathlib import Path
from tiles.disk import DiskEntry, DiskTiles
disk = DiskTiles(Path({str(tmp_path)!r}), 1_000_000)
with disk.drawing({request.key!r}):
    print("drawing", flush=True)
    sys.stdin.readline()
    disk.write({request.key!r}, DiskEntry(gzip.compress(b"theirs"), ({version},), 6))
"""
    other = await started("import gzip" + program)

    async def ours():
        return b"ours"

    asking = asyncio.create_task(cache.get(request, ours))
    await other.communicate(b"go on\n")
    assert (await asking).plain() == b"theirs"
    assert cache.served.drawn == 0


async def test_who_dies_while_drawing_keeps_nobody_waiting(town, tmp_path):
    cache = TileCache(type(town.cache.areas)(town.pool), DiskTiles(tmp_path, 1_000_000), 1_000_000)
    request = wanted(await town.layer(), ADDRESSES[0])
    program = f"""
import sys
from pathlib import Path
from tiles.disk import DiskTiles
with DiskTiles(Path({str(tmp_path)!r}), 1_000_000).drawing({request.key!r}):
    print("drawing", flush=True)
    sys.stdin.readline()
"""
    other = await started(program)

    async def ours():
        return b"ours"

    asking = asyncio.create_task(cache.get(request, ours))
    other.kill()
    assert (await asking).plain() == b"ours"
    await other.wait()


def test_what_a_crash_left_behind_is_not_taken_for_a_tile(tmp_path):
    disk = DiskTiles(tmp_path, 1_000_000)
    disk.write("a", DiskEntry(b"tile", (3, 4), 9))
    assert disk.read("a") == DiskEntry(b"tile", (3, 4), 9)
    (path,) = tmp_path.glob("*/*")
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert disk.read("a") is None
    path.write_bytes(whole[:-1] + b"x")
    assert disk.read("a") is None


def test_the_disk_cache_is_bounded_and_the_least_used_goes_first(tmp_path):
    disk = DiskTiles(tmp_path, 50_000)
    for n in range(200):
        disk.write(f"k{n}", DiskEntry(bytes(1000), (1,), 1000))
        disk.read("k0")
    assert disk.sweep() <= 50_000
    assert disk.read("k199") is not None


def test_a_disk_that_cannot_be_written_is_counted_and_harms_nobody(tmp_path):
    (tmp_path / "tiles").write_text("a file where the folder should be")
    disk = DiskTiles(tmp_path / "tiles", 1_000_000)
    disk.write("a", DiskEntry(b"tile", (1,), 4))
    assert disk.failures == 1
    assert disk.read("a") is None


def test_the_box_of_a_tile_in_web_mercator_is_where_it_lies():
    west, south, east, north = TileAddress(1, 1, 0).box()
    assert (west, south) == pytest.approx((0, 0), abs=1e-9)
    assert (east, north) == pytest.approx((180, 85.0511287798), abs=1e-9)
    assert WEB_MERCATOR.stored_box(0, 0, 0, 0.5) == pytest.approx((-360, -89.78601, 360, 89.78601), abs=1e-4)


async def test_what_is_drawn_anew_is_neither_taken_from_the_cache_nor_kept(town):
    layer = await town.layer()

    async def kept():
        return b"kept"

    async def fresh():
        return b"fresh"

    await town.cache.get(wanted(layer, ADDRESSES[0]), kept)
    assert (await town.cache.draw_uncached(fresh)).plain() == b"fresh"
    assert (await town.cache.get(wanted(layer, ADDRESSES[0]), fresh)).plain() == b"kept"
