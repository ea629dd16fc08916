"""The bill of materials (SBOM): every third-party package of an installation, in the form of CycloneDX 1.6.

It is read from the pinned requirements and the lock file of the page's modules, so it needs no network and is the same
for everybody who has this version.
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

from server.build import build_id
from server.installation import REQUIREMENTS
from server.page.assets import WEB

_PINNED = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:(?P<digest>[0-9a-f]{64})")


def bill_of_materials(now: datetime, requirements: Path = REQUIREMENTS) -> dict[str, Any]:
    """Return the bill of this version.

    Parameters
    ----------
    now
        The time it is made at.
    requirements
        The pinned Python packages.
    """
    components = [*_python(requirements), *_page(WEB / "package-lock.json")]
    made = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = json.dumps(components, sort_keys=True)
    application = {"type": "application", "name": "onemap", "version": build_id(), "bom-ref": "onemap"}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, text)}",
        "version": 1,
        "metadata": {"timestamp": made, "component": application},
        "components": components,
    }


def _python(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the Python packages; a package has a digest for each of its files, any of which may be installed."""
    text = file.read_text(encoding="utf-8")
    pins = list(_PINNED.finditer(text))
    for pin, until in zip(pins, [*(one.start() for one in pins[1:]), len(text)], strict=True):
        name, version = pin["name"], pin["version"]
        digests = [{"alg": "SHA-256", "content": found["digest"]} for found in _HASH.finditer(text, pin.end(), until)]
        purl = f"pkg:pypi/{name.lower().replace('_', '-')}@{version}"
        yield _component(name, version, purl, digests, _licence_of(name))


def _page(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the modules that the page loads; those for checking it are not part of an installation."""
    for place, found in sorted(json.loads(file.read_text(encoding="utf-8"))["packages"].items()):
        if place and not found.get("dev"):
            name = place.rpartition("node_modules/")[2]
            version = found["version"]
            alg, _, digest = found["integrity"].partition("-")
            content = base64.b64decode(digest).hex()
            hashes = [{"alg": alg.upper().replace("SHA", "SHA-"), "content": content}]
            purl = f"pkg:npm/{quote(name, safe='/')}@{version}"
            yield _component(name, version, purl, hashes, found.get("license"))


def _component(name: str, version: str, purl: str, hashes: list[dict[str, str]], licence: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "library", "name": name, "version": version, "purl": purl, "bom-ref": purl}
    if hashes:
        found["hashes"] = hashes
    if licence:
        found["licenses"] = [{"license": {"name": licence}}]
    return found


def _licence_of(name: str) -> str | None:
    """Return the licence that an installed package states, in its own words; None when it is not installed."""
    try:
        stated = metadata(name)
    except PackageNotFoundError:
        return None
    short = stated.get("License-Expression") or stated.get("License") or ""
    if short and "\n" not in short and len(short) <= 80:
        return short
    named = [line.rpartition(" :: ")[2] for line in stated.get_all("Classifier") or [] if line.startswith("License ::")]
    return named[0] if named else None
