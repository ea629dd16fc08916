"""`onemap up` with the demo city, as a person starts it, and a storm over it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from server.identity.operator_token import TOKEN_FILE
from server.installation import PROJECT
from tests.setup.test_up import _CLI, prepared_database, running, wait_until

__all__ = ["prepared_database", "running"]
DEADLINE_S = 180
REPORTED = {
    "vehicles": "position_at",
    "grid_workers": "position_at",
    "iot_devices": "last_seen_at",
    "water_level_stations": "last_seen_at",
}
KEY = "a secret of sixteen bytes and more"


def wait_for_more(up: Any, than: int) -> int:
    """Wait until the feed of the city has taken more messages."""
    wait_until(lambda: taken_by(up) > than)
    return taken_by(up)


def taken_by(up: Any) -> int:
    """Number of messages that the feed of the city has taken; it refuses none."""
    with urllib.request.urlopen(as_operator(up, "/twin/feeds"), timeout=DEADLINE_S) as answer:
        told = next(feed for feed in orjson.loads(answer.read())["feeds"] if feed["name"] == "demo")
    assert told["rejected"] == 0
    return int(told["accepted"])


def as_operator(up: Any, address: str) -> urllib.request.Request:
    """A question of the operator: strangers are not told how much comes."""
    token = (up.home / TOKEN_FILE).read_text(encoding="ascii").strip()
    return urllib.request.Request(f"{up.address}{address}", headers={"Authorization": f"Bearer {token}"})


def reported_at(up: Any, layer: str, field: str) -> datetime:
    """The newest time that a field of a layer tells, to the operator: strangers see hardly any of these layers."""
    asked = f"/ogc/collections/{layer}/items?limit=1&sortby=-{field}&properties={field}"
    asked += f"&filter={field}+IS+NOT+NULL"
    with urllib.request.urlopen(as_operator(up, asked), timeout=DEADLINE_S) as answer:
        found = orjson.loads(answer.read())["features"]
    return datetime.fromisoformat(found[0]["properties"][field]) if found else datetime.min.replace(tzinfo=UTC)


def city_of(up: Any) -> int:
    """Return the process of the city."""
    (city,) = up.children("server.processes.city")
    return city


@pytest.mark.timeout(600)  # it starts everything and makes a district, which takes long on a busy machine
def test_the_city_lives_and_survives(running: Any):
    up = running("--demo", "--demo-scale", "0.02", "--workers", "1")
    taken = wait_for_more(up, 0)
    loaded_at = datetime.now(UTC)
    for layer, field in REPORTED.items():
        wait_until(lambda of=(layer, field): reported_at(up, *of) > loaded_at)
    assert (up.home / "secrets" / "demo").stat().st_mode & 0o777 == 0o600
    os.kill(city_of(up), signal.SIGKILL)
    up.hear(re.compile(r"the demo city ended \(-9\); starting another"))
    wait_for_more(up, taken)
    assert up.end(signal.SIGTERM) == 0


@pytest.mark.timeout(600)
def test_a_storm_is_played_told_and_broken_off(
    district_url: str, live_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for feed in ("DEMO", "WARNINGS_CAP"):
        monkeypatch.setenv(f"ONEMAP_SECRET_{feed}", KEY)
    address = live_server(district_url)
    command = ["demo", "storm", "--url", address, "--home", str(tmp_path), "--minutes", "10", "--speed", "60"]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    stranger = subprocess.run(
        [*_CLI, *command],
        env=environment | {"ONEMAP_SECRET_DEMO": KEY + "?"},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert stranger.returncode == 1
    assert "secrets must be those" in " ".join(stranger.stderr.split())
    with subprocess.Popen([*_CLI, *command], env=environment, stderr=subprocess.PIPE, text=True) as storm:
        assert storm.stderr is not None
        said = ""
        while "雨峰过境" not in said:
            line = storm.stderr.readline()
            assert line, said
            said += line
        again = subprocess.run([*_CLI, *command], env=environment, capture_output=True, text=True, check=False)
        storm.send_signal(signal.SIGINT)
        said += storm.stderr.read()
    assert storm.returncode == 0, said
    assert "黄色预警" in said
    assert "what it opened is closed" in said
    assert again.returncode == 1
    assert "being played already" in again.stderr


def test_a_storm_without_a_service_says_what_to_start(tmp_path: Path):
    said = subprocess.run(
        [*_CLI, "demo", "storm", "--home", str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert said.returncode == 1
    assert "./onemap up" in said.stderr
