"""Files dropped into a folder, through the connector and the ingest process, into PostGIS."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
import zipfile

import orjson
import pytest

from tests.databases import count_rows
from tests.twin.connectors.house import CARS, GAUGES, PROCESS_SECONDS, House, position
from tests.twin.waiting import until
from tests.workbooks import workbook
from twin.connectors import drop, drop_folder
from twin.connectors.drop_folder import DropFolder

pytestmark = pytest.mark.anyio
HEADER = "站号,时间,雨量\n"
ROWS = "R1,2026-06-08 09:55,1.5\nR2,2026/6/8 9:55,2.5\n"


def put(folder, name, body):
    """Drop a file as senders should: written under another name, then renamed."""
    part = folder / f"{name}.part"
    part.write_bytes(body if isinstance(body, bytes) else body.encode())
    part.rename(folder / name)


@pytest.fixture
def drops(house):
    folder = house.home / "drops" / "gauges"
    folder.mkdir(parents=True)
    return folder


async def values(owner):
    return {tuple(row) for row in await owner.fetch("SELECT id, value FROM twin.observation")}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gbk"])
async def test_a_file_is_taken_and_put_away(house, drops, owner, encoding):
    put(drops, "rain_1.csv", (HEADER + ROWS).encode(encoding))
    async with house.connected(drop.DropFeed.run, await house.feed(GAUGES)):
        await until((drops / "done" / "rain_1.csv").exists)
    assert await values(owner) == {("R1", 1.5), ("R2", 2.5)}
    assert not list(drops.glob("*.*"))
    assert not list((drops / "done").glob("*.report.csv"))


async def test_a_workbook_and_lines(house, drops, owner):
    put(drops, "rain_1.xlsx", workbook(["站号", "时间", "雨量"], ["R1", "2026-06-08 09:55", 1.5]))
    put(drops, "rain_2.ndjson", orjson.dumps({"站号": "R2", "时间": "2026-06-08 09:55", "雨量": 2.5}))
    async with house.connected(drop.DropFeed.run, await house.feed(GAUGES)):
        await until(lambda: len(list((drops / "done").glob("*"))) == 2)
    assert await values(owner) == {("R1", 1.5), ("R2", 2.5)}


async def test_what_is_not_finished_not_a_file_or_not_asked_for_stays(house, drops, owner):
    secret = house.home / "elsewhere.csv"
    secret.write_text(HEADER + "R9,2026-06-08 09:55,9\n", encoding="utf-8")
    for name in (".rain_1.csv", "rain_1.csv.part", "rain_2.tmp", "other.csv"):
        (drops / name).write_text(HEADER + ROWS, encoding="utf-8")
    (drops / "rain_link.csv").symlink_to(secret)
    os.mkfifo(drops / "rain_pipe.csv")
    (drops / "rain_folder.csv").mkdir()
    async with house.connected(drop.DropFeed.run, await house.feed(GAUGES)):
        put(drops, "rain_last.csv", HEADER + ROWS)
        await until((drops / "done" / "rain_last.csv").exists)
    assert await values(owner) == {("R1", 1.5), ("R2", 2.5)}
    left = {path.name for path in drops.iterdir()} - {"taking", "done", "failed"}
    assert len(left) == 7
    assert secret.exists()


def test_a_file_that_grows_is_not_whole(tmp_path):
    folder, path = DropFolder(tmp_path, "*.csv"), tmp_path / "a.csv"
    path.write_text("a,b\n")
    assert folder.look() == []
    with path.open("a") as file:
        file.write("1,2\n")
    assert folder.look() == []
    assert folder.look() == ["a.csv"]


def test_a_name_that_is_being_taken_waits_and_none_is_lost(tmp_path):
    folder, path = DropFolder(tmp_path, "*.csv"), tmp_path / "a.csv"
    path.write_text("first")
    assert folder.claim("a.csv")
    path.write_text("second")
    assert not folder.claim("a.csv")
    assert folder.put_away("a.csv", "done", folder.read("a.csv").digest).read_text() == "first"
    assert folder.claim("a.csv")
    assert folder.put_away("a.csv", "done", folder.read("a.csv").digest).read_text() == "second"
    assert sorted(p.read_text() for p in (tmp_path / "done").iterdir()) == ["first", "second"]


async def test_a_bad_row_is_reported_and_a_bad_file_is_explained(house, drops, owner):
    put(drops, "rain_rows.csv", HEADER + ROWS + "R3,昨天,1\n")
    put(drops, "rain_no.csv", b"\xff\xfe\x00")
    put(drops, "rain_empty.csv", b"")
    async with house.connected(drop.DropFeed.run, await house.feed(GAUGES)):
        await until(
            lambda: len(list((drops / "failed").glob("*.csv"))) == 2 and (drops / "done/rain_rows.csv").exists()
        )
    report = (drops / "done" / "rain_rows.csv.report.csv").read_text(encoding="utf-8-sig")
    assert report.splitlines()[1].startswith("4,bad_time,")
    error = (drops / "failed" / "rain_no.csv.error.txt").read_text(encoding="utf-8-sig")
    assert "编码" in error
    assert "bad_encoding" in error
    assert (drops / "failed" / "rain_empty.csv.error.txt").exists()
    assert len(await values(owner)) == 2
    kept = await owner.fetch("SELECT reason FROM twin.refused WHERE feed = 'gauges' ORDER BY reason")
    assert [row[0] for row in kept] == ["bad_encoding", "bad_time", "not_a_table"]


async def test_a_bomb_and_a_giant_are_refused(house, drops, monkeypatch):
    bomb = io.BytesIO()
    with (
        zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/worksheets/sheet1.xml", "w") as out,
    ):
        for _ in range(600):
            out.write(bytes(1024 * 1024))
    assert len(bomb.getvalue()) < 1024 * 1024
    monkeypatch.setattr(drop_folder, "FILE_BYTES_MAX", 2 * 1024 * 1024)
    put(drops, "rain_bomb.xlsx", bomb.getvalue())
    put(drops, "rain_giant.csv", bytes(3 * 1024 * 1024))
    async with house.connected(drop.DropFeed.run, await house.feed(GAUGES)):
        await until(lambda: len(list((drops / "failed").glob("*.error.txt"))) == 2)
    for path in (drops / "failed").glob("*.error.txt"):
        assert "too_large" in path.read_text(encoding="utf-8-sig")


KILLED = """
import os, signal, sys
from pathlib import Path
from twin.connectors.drop_folder import DropFolder
folder = DropFolder(Path(sys.argv[1]), "*.csv")
folder.claim("rain_heavy.csv")
with folder.first_reading("rain_heavy.csv"):
    os.kill(os.getpid(), signal.SIGKILL)
"""


async def test_a_file_that_killed_its_reader_is_set_aside_at_the_next_start(house, drops, owner):
    put(drops, "rain_heavy.csv", HEADER + ROWS)
    put(drops, "rain_light.csv", HEADER + ROWS)
    killed = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", KILLED, str(drops)], check=False)
    assert killed.returncode == -signal.SIGKILL
    async with house.connected(drop.DropFeed.run, await house.feed(GAUGES)):
        await until(lambda: (drops / "done/rain_light.csv").exists() and (drops / "failed/rain_heavy.csv").exists())
    error = (drops / "failed/rain_heavy.csv.error.txt").read_text(encoding="utf-8-sig")
    assert "ended_the_reader" in error
    assert not list((drops / "taking").iterdir())
    put(drops, "rain_heavy.csv", HEADER + ROWS)  # who drops it again has it read again
    async with house.connected(drop.DropFeed.run, await house.feed(GAUGES)):
        await until((drops / "done/rain_heavy.csv").exists)


async def test_the_count_file_is_waited_for_and_believed(house, drops, owner):
    definition = await house.feed(GAUGES, connection={"pattern": "rain_*.csv", "count_file": True})
    put(drops, "rain_1.csv", HEADER + ROWS)
    put(drops, "rain_2.csv", HEADER + ROWS)
    put(drops, "rain_2.csv.count", "3\n")
    async with house.connected(drop.DropFeed.run, definition):
        await until((drops / "failed" / "rain_2.csv.error.txt").exists)
        assert (drops / "rain_1.csv").exists()
        put(drops, "rain_1.csv.count", "2")
        await until((drops / "done" / "rain_1.csv").exists)
    assert (drops / "done" / "rain_1.csv.count").exists()
    assert len(await values(owner)) == 2


async def test_the_same_file_again_is_only_put_away(house, drops, owner):
    async with house.connected(drop.DropFeed.run, await house.feed(GAUGES)):
        put(drops, "rain_1.csv", HEADER + ROWS)
        await until((drops / "done" / "rain_1.csv").exists)
        await owner.execute("TRUNCATE twin.receipt")  # as it is a week later
        put(drops, "rain_again.csv", HEADER + ROWS)
        await until((drops / "done" / "rain_again.csv").exists)
    assert await count_rows(owner, "twin.observation") == 2


async def test_a_process_killed_while_it_takes_a_file_takes_it_once(empty_url, tmp_path, owner):
    house, count = House(empty_url, tmp_path), 24_000
    house.write(CARS)
    drops = house.home / "drops" / "cars"
    drops.mkdir(parents=True)
    lines = (orjson.dumps(position(n, f"vehicles/v{n % 500}")) for n in range(count))
    put(drops, "cars.ndjson", b"\n".join(lines))

    async def taken():
        return await count_rows(owner, "twin.position")

    async def begun():
        return await taken() > 0

    with house.process() as process:
        await until(begun, seconds=PROCESS_SECONDS)
        process.kill()
        process.wait()
    assert not (drops / "done" / "cars.ndjson").exists()
    with house.process():
        await until((drops / "done" / "cars.ndjson").exists, seconds=PROCESS_SECONDS)
    assert await taken() == count
    assert not list((drops / "taking").iterdir())


CAMERAS = {
    "name": "cameras",
    "title_zh": "视频点",
    "title_en": "Cameras",
    "protocol": "drop",
    "crs_source": "CGCS2000",
    "rate_limit_per_s": 100_000,
    "kinds": ["feature_change"],
    "supplies": ["video_points"],
    "connection": {"pattern": "*.csv", "whole": True},
    "mapping": [
        {
            "kind": "feature_change",
            "id": {"template": "{编号}@{$written}"},
            "subject": {"template": "video_points/{编号}"},
            "time": "$written",
            "data": {"change": {"constant": "upsert"}, "lon": "经度", "lat": "纬度", "name": "名称"},
        }
    ],
}


def cameras(*numbers):
    return "\n".join(["编号,经度,纬度,名称", *(f"C{n},113.35,23.13,门口{n}" for n in numbers)]).encode("gbk")


async def test_what_a_whole_file_no_longer_holds_is_gone_and_half_a_file_removes_nothing(house, owner):
    drops = house.home / "drops" / "cameras"
    drops.mkdir(parents=True)
    definition = await house.feed(CAMERAS)

    async def left():
        return [row[0] for row in await owner.fetch("SELECT id FROM layer.video_points ORDER BY id")]

    async def taken(name, body):
        put(drops, name, body)
        await until((drops / "done" / name).exists)
        return await left()

    await owner.execute("INSERT INTO layer.video_points (id, geom) VALUES ('C9', 'SRID=4490;POINT(113.35 23.13)')")
    async with house.connected(drop.DropFeed.run, definition):
        assert await taken("1.csv", cameras(1, 2, 3)) == ["C1", "C2", "C3", "C9"]
        assert await taken("2.csv", cameras(1, 2)) == ["C1", "C2", "C9"], "what others brought stays"
        assert await taken("3.csv", cameras(1, 2) + b"\nC3,far,1,x") == ["C1", "C2", "C9"]
        assert await taken("4.csv", cameras(1, 2, 3, 4)) == ["C1", "C2", "C3", "C4", "C9"]
        assert await taken("5.csv", cameras(1)) == ["C1", "C2", "C3", "C4", "C9"]
        assert "more than half" in (drops / "done" / "5.csv.report.csv").read_text(encoding="utf-8-sig")
        assert await taken("6.csv", cameras(1, 2)) == ["C1", "C2", "C9"]
