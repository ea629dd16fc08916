"""The bill of materials names every pinned package, with the digests by which it is pinned."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path

import pytest

from server.doctor.materials import bill_of_materials
from server.installation import PROJECT

NOW = datetime(2026, 11, 29, tzinfo=UTC)


@pytest.fixture(scope="module")
def bill():
    return bill_of_materials(NOW)


def test_every_pinned_package_is_in_it(bill):
    named = {(one["name"], one["version"]) for one in bill["components"] if one["purl"].startswith("pkg:pypi/")}
    lines = (PROJECT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = {tuple(line.split()[0].rstrip(";").split("==")) for line in lines if "==" in line.split("#")[0]}
    assert named == pins
    assert len(named) > 50


def test_every_module_of_the_page_is_in_it_and_no_tool(bill):
    lock = json.loads((PROJECT / "server/web/package-lock.json").read_text(encoding="utf-8"))["packages"]
    wanted = {path.rpartition("node_modules/")[2] for path, one in lock.items() if path and not one.get("dev")}
    named = {one["name"] for one in bill["components"] if one["purl"].startswith("pkg:npm/")}
    assert named == wanted
    assert "maplibre-gl" in named
    assert "typescript" not in named


def test_each_has_digests_and_what_is_installed_has_a_licence(bill):
    sizes = {"SHA-256": 64, "SHA-512": 128}
    references = [one["bom-ref"] for one in bill["components"]]
    assert len(set(references)) == len(references)
    for one in bill["components"]:
        assert one["hashes"], one["name"]
        assert all(re.fullmatch(r"[0-9a-f]+", found["content"]) for found in one["hashes"])
        assert all(len(found["content"]) == sizes[found["alg"]] for found in one["hashes"])
    installed = {(found.name or "").lower() for found in distributions()}
    without = [one["name"] for one in bill["components"] if "licenses" not in one and one["name"].lower() in installed]
    assert without == []


def test_the_same_version_has_the_same_bill(bill):
    later = bill_of_materials(datetime(2027, 1, 1, tzinfo=UTC))
    assert later["serialNumber"] == bill["serialNumber"]
    assert later["components"] == bill["components"]


def test_the_command_writes_nothing_else(tmp_path: Path):
    command = [sys.executable, "-P", "-m", "server.cli", "doctor", "--sbom", "--home", str(tmp_path)]
    done = subprocess.run(
        command,
        capture_output=True,
        check=True,
        text=True,
        cwd=PROJECT,
        timeout=120,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )
    found = json.loads(done.stdout)
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    assert found["metadata"]["component"]["name"] == "onemap"
