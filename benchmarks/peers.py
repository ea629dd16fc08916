"""The servers we compare with: stock pygeoapi and TiPg, each in an environment of its own, in its best configuration.

The best configuration, by measurement: uvicorn with uvloop and httptools, two workers, no access log, the database by
the same Unix socket as ours; pygeoapi with its PostgreSQL provider, no `storage_crs` (every other value breaks spatial
filters) and no logging; TiPg without periodic reads of the catalogue.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import yaml

from benchmarks.servers import Command
from benchmarks.tables import EAST, NORTH, PEERS_SCHEMA, SOUTH, TABLES, WEST

_UVICORN = ("uvicorn==0.54.*", "uvloop==0.23.*", "httptools==0.9.*")
QUIET = ("--workers", "2", "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning")
CRS_LIST = ("http://www.opengis.net/def/crs/OGC/1.3/CRS84", "http://www.opengis.net/def/crs/EPSG/0/3857")


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer: the package whose version is reported, and the requirements for pip."""

    name: str
    requirements: tuple[str, ...]


PYGEOAPI = Peer(
    "pygeoapi",
    (
        "pygeoapi==0.24.*",
        "starlette==1.10.*",
        "psycopg2-binary==2.9.*",
        "sqlalchemy==2.1.*",
        "geoalchemy2==0.20.*",
        *_UVICORN,
    ),
)
TIPG = Peer("tipg", ("tipg==1.6.*", *_UVICORN))
TITILER = Peer("titiler.core", ("titiler.core==2.4.*", *_UVICORN))
PEERS = {peer.name: peer for peer in (PYGEOAPI, TIPG)}


def install(peer: Peer, home: Path) -> Path:
    """Create the environment of a peer with its pinned packages, unless it exists; return its programs' folder."""
    folder = home / peer.name
    stamp = folder / "installed.txt"
    requirements = "\n".join(peer.requirements)
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != requirements:
        print(f"→ installing {', '.join(peer.requirements)} into {folder} …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip: list[str | Path] = [
            folder / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
        ]
        subprocess.run([*pip, *peer.requirements], check=True)
        stamp.write_text(requirements, encoding="utf-8")
    return folder / "bin"


def installed_version(peer: Peer, home: Path) -> str:
    """Return the installed version of a peer."""
    program = f"from importlib.metadata import version; print(version('{peer.name}'))"
    python = home / peer.name / "bin" / "python"
    return subprocess.run([python, "-c", program], check=True, capture_output=True, text=True).stdout.strip()


def command(peer: Peer, url: str, home: Path, port: int) -> Command:
    """Install a peer where needed, write its configuration, and return its command."""
    programs = install(peer, home)
    serve = [str(programs / "uvicorn"), "--port", str(port), *QUIET]
    if peer is TIPG:
        environment = {"DATABASE_URL": _socket_as_host(url), "TIPG_DB_SCHEMAS": f'["{PEERS_SCHEMA}"]'}
        environment |= {"TIPG_CATALOG_TTL": "0", "TIPG_MAX_FEATURES_PER_QUERY": "10000"}
        environment |= {"TIPG_MAX_FEATURES_PER_TILE": "1000000"}  # its own 10,000 would cut tiles off
        return Command((*serve, "tipg.main:app"), environment, "/healthz")
    config, openapi = home / "pygeoapi.yml", home / "pygeoapi-openapi.yml"
    config.write_text(yaml.safe_dump(_pygeoapi_config(url, port), sort_keys=False), encoding="utf-8")
    make: list[str | Path] = [programs / "pygeoapi", "openapi", "generate", config, "--output-file", openapi]
    subprocess.run(make, check=True, capture_output=True)
    environment = {"PYGEOAPI_CONFIG": str(config), "PYGEOAPI_OPENAPI": str(openapi)}
    return Command((*serve, "pygeoapi.starlette_app:APP"), environment, "/conformance?f=json")


def _socket_of(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parse_qs(parts.query)["host"][0], parts.path.removeprefix("/")


def _socket_as_host(url: str) -> str:
    """Return the URL in the form TiPg's settings accept: the socket's folder in the place of the host."""
    folder, database = _socket_of(url)
    return f"postgresql://postgres@{quote(folder, safe='')}/{database}"


def _pygeoapi_config(url: str, port: int) -> dict[str, object]:
    address = f"http://127.0.0.1:{port}"
    return {
        "server": {
            "bind": {"host": "127.0.0.1", "port": port},
            "url": address,
            "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8",
            "gzip": False,
            "languages": ["en-US"],
            "limits": {"default_items": 10, "max_items": 10_000},
            "map": {"url": address, "attribution": "none"},
            "pretty_print": False,
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": {
                "title": "stock",
                "description": "stock",
                "keywords": ["stock"],
                "keywords_type": "theme",
                "terms_of_service": "none",
                "url": address,
            },
            "license": {"name": "none", "url": address},
            "provider": {"name": "stock", "url": address},
            "contact": {"name": "stock", "email": "stock@example.org", "url": address},
        },
        "resources": {table.layer_id: _pygeoapi_collection(table.layer_id, url) for table in TABLES},
    }


def _pygeoapi_collection(table: str, url: str) -> dict[str, object]:
    folder, database = _socket_of(url)
    provider = {
        "type": "feature",
        "name": "PostgreSQL",
        "data": {"host": folder, "dbname": database, "user": "postgres", "password": "", "search_path": [PEERS_SCHEMA]},
        "id_field": "id",
        "table": table,
        "geom_field": "geom",
        "crs": list(CRS_LIST),
    }
    return {
        "type": "collection",
        "title": table,
        "description": table,
        "keywords": [table],
        "links": [],
        "extents": {"spatial": {"bbox": [WEST, SOUTH, EAST, NORTH], "crs": CRS_LIST[0]}},
        "providers": [provider],
    }
