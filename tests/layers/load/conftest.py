"""Databases and files for the loaders' tests."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest


@pytest.fixture
async def db(layers_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(layers_url)
    yield connection
    await connection.close()


type Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file: ``write("a.csv", "text")``, bytes, or a list of GeoJSON features."""

    def _write(name: str, content: str | bytes | list[Any], encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        if isinstance(content, list):
            content = json.dumps({"type": "FeatureCollection", "features": content}, ensure_ascii=False)
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return _write


def feature(geometry: dict[str, Any] | None, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def point(lon: float, lat: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [lon, lat]}
