"""The guide to whole layers works as printed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter

import httpx

from server.installation import PROJECT
from tests.databases import temporary_database
from tests.running_app import OPERATOR, OPERATOR_TOKEN, running_for_operator

GUIDE = (PROJECT / "docs" / "guide" / "bulk-data.md").read_text(encoding="utf-8")
DUCKDB = PROJECT / "tests" / "httpfs" / "packages"  # with the extension, of the version that has one; by ./onemap test
ASK = """
import json, sys
from pathlib import Path
import duckdb, duckdb_extension_httpfs
(extension,) = Path(duckdb_extension_httpfs.__path__[0]).rglob("httpfs.duckdb_extension")
with duckdb.connect() as connection:
    connection.execute(f"LOAD '{extension}'")
    secret, question = sys.argv[1].strip().splitlines()
    public = connection.sql(question).fetchall()
    connection.execute(secret)
    print(json.dumps([public, connection.sql(question).fetchall()]))
"""
BLOCKS = re.findall(r"```python\n(.*?)```", GUIDE, flags=re.DOTALL)


def test_its_snippets_run_one_after_the_other(district_url, live_server, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    address = live_server(district_url)
    names: dict[str, object] = {}
    for block in BLOCKS:
        exec(block.replace("http://127.0.0.1:8000", address), names)  # noqa: S102  # as a reader would run it
    printed = capsys.readouterr().out
    assert " of " in printed
    assert "km" in printed
    assert names["per_grid"]["count"].sum() > 0
    assert len(names["grids"]) == len(names["per_grid"])


def test_duckdb_reads_parquet_by_its_address(cluster, district_template, tmp_path):
    """With the extension for addresses, as a stranger and with a token."""
    (block,) = re.findall(r"```sql\n(.*?)```", GUIDE, flags=re.DOTALL)
    assert DUCKDB.is_dir(), "run: ./onemap test, which installs it"
    with temporary_database(cluster, district_template) as url, running_for_operator(tmp_path, url) as address:
        asked = block.replace("http://127.0.0.1:8000", address).replace("om_…", OPERATOR_TOKEN)
        asked = asked.replace("grids/items", "video_points/items").replace("AS grids", "AS cameras")
        command = [sys.executable, "-c", ASK, asked]
        ran = subprocess.run(
            command, env={"PYTHONPATH": str(DUCKDB)}, capture_output=True, text=True, timeout=100, check=False
        )
        assert ran.returncode == 0, ran.stderr
        for found, headers in zip(json.loads(ran.stdout), ({}, OPERATOR), strict=True):
            items = f"{address}/ogc/collections/video_points/items?limit=all&properties=area_code"
            features = httpx.get(items, headers=headers, timeout=60).raise_for_status().json()["features"]
            counts = Counter(one["properties"]["area_code"] for one in features)
            assert found == [list(pair) for pair in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:3]]
