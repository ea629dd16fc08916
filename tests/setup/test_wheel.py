"""Tests of the wheel: what is in it, and that it runs where nothing else is installed."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import tomllib
import urllib.request
import zipfile
from pathlib import Path

import pytest

from server import installation
from server.installation import PROJECT, PROJECT_VARIABLE, AsTyped, place_configuration, project_folder
from server.page.assets import find_assets
from tests.setup.installed import build_wheel, make_environment

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(PROJECT, tmp_path_factory.mktemp("wheel"))


def run(bin_folder: Path, project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a program of an environment, far from the clone and from its settings."""
    given = {"PATH": f"{bin_folder}:/usr/bin:/bin", "HOME": str(project), PROJECT_VARIABLE: str(project)}
    return subprocess.run(
        [str(bin_folder / command[0]), *command[1:]], env=given, cwd="/", capture_output=True, text=True, check=False
    )


def test_the_wheel_holds_what_a_clone_serves_and_no_more(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    served = {file.relative_to(PROJECT).as_posix() for file in find_assets().files.values()}
    assert served <= names
    for folder in ("layers/definitions", "layers/schema/migrations", "layers/schema/sql", "twin/store/sql", "config"):
        for file in (PROJECT / folder).rglob("*.*"):
            place = file.relative_to(PROJECT).as_posix()
            if file.suffix in {".yaml", ".sql", ".toml", ".yml"}:
                assert (f"server/shipped/{place}" if folder == "config" else place) in names
    guides = [file for kind in ("*.md", "*.png") for file in (PROJECT / "docs").rglob(kind)]
    assert {f"server/shipped/{file.relative_to(PROJECT).as_posix()}" for file in guides} <= names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/", "docs/"))]
    assert any(re.search(r"maplibre-gl/LICENSE", name) for name in names)
    assert wheel.stat().st_size < 12e6


def test_the_extras_are_what_the_clone_installs():
    with (PROJECT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    extras = project["optional-dependencies"]
    pinned = set(
        re.findall(r"^([a-z0-9-]+)==", (PROJECT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    )
    named = {re.split(r"[<>=~\[]", text)[0] for text in [*project["dependencies"], *extras["server"], *extras["demo"]]}
    assert named - {"onemap"} <= pinned


def test_without_the_server_the_command_says_how_it_is_had(wheel: Path, tmp_path: Path):
    programs = make_environment(tmp_path / "client", wheel)
    done = run(programs, tmp_path, "onemap", "up")
    assert done.returncode == 1
    assert "onemap[server]" in done.stderr


@pytest.mark.timeout(600)  # it starts a server
def test_an_installed_server_serves_the_map(wheel: Path, tmp_path: Path, database_url: str):
    programs, project = make_environment(tmp_path / "server", wheel, "server"), tmp_path / "district"
    assert "OneMap 0.1.0+" in run(programs, project, "onemap", "--version").stdout
    assert (project / "config" / "policy" / "roles.yaml").is_file()
    helped = run(programs, project, "onemap", "feed", "check", "--help").stdout
    assert "onemap feed check" in helped
    assert "./onemap" not in helped
    environment = {
        "PATH": f"{programs}:/usr/bin:/bin",
        "HOME": str(project),
        PROJECT_VARIABLE: str(project),
        "ONEMAP_DATABASE_URL": database_url,
    }
    command = [str(programs / "onemap"), "up", "--no-demo", "--port", "0", "--workers", "1"]
    with subprocess.Popen(command, env=environment, cwd="/", stderr=subprocess.PIPE, text=True) as process:
        try:
            address = _address_of(process)
            assert "text/html" in _media_type(address)
            assert "text/html" in _media_type(f"{address}/guide/map-user")
            assert "image/webp" in _media_type(f"{address}/guide/images/map.webp")
            assert "json" in _media_type(f"{address}/ogc/collections/roads/items?f=json")
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(120) == 0
    bill = run(programs, project, "onemap", "doctor", "--sbom").stdout
    assert '"maplibre-gl"' in bill
    assert '"asyncpg"' in bill


def _address_of(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    output = ""
    while not (found := ADDRESS.search(output)):
        line = process.stderr.readline()
        assert line, output
        output += line
    return found.group()


def _media_type(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as answer:
        assert answer.status == 200
        return str(answer.headers["Content-Type"])


def test_the_configuration_is_copied_once_and_stays_the_districts_own(tmp_path: Path):
    shipped, project = tmp_path / "shipped", tmp_path / "district"
    shutil.copytree(PROJECT / "config", shipped / "config")
    assert place_configuration(shipped, project)
    (project / "config" / "onemap.toml").write_text("# ours\n", encoding="utf-8")
    assert not place_configuration(shipped, project)
    assert (project / "config" / "onemap.toml").read_text(encoding="utf-8") == "# ours\n"
    assert [path.name for path in project.iterdir()] == ["config"]


def test_the_project_folder_is_named_by_the_user_or_lies_in_his_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv(PROJECT_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert project_folder(installed=True) == tmp_path / "onemap"
    monkeypatch.setenv(PROJECT_VARIABLE, str(tmp_path / "mine"))
    assert project_folder(installed=True) == tmp_path / "mine"
    assert project_folder(installed=False) == PROJECT


def test_a_written_command_is_the_one_that_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(installation, "COMMAND", "onemap")
    with (tmp_path / "written").open("w", encoding="utf-8") as file:
        text = "run ./onemap up"
        assert AsTyped(file).write(text) == len(text)
        AsTyped(file).flush()
        written = (tmp_path / "written").read_text(encoding="utf-8")
    assert written == "run onemap up"
