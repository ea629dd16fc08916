"""Tests that the settings file, the environment and the models agree."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from layers.errors import BadInput
from server.installation import PROJECT
from server.settings import CONFIG_FILE, Settings, environment_names, load_settings


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in environment_names():
        monkeypatch.delenv(name, raising=False)


def test_the_file_holds_every_setting_with_its_default():
    written = tomllib.loads(CONFIG_FILE.read_text(encoding="utf-8"))
    expected = Settings().model_dump(mode="json", exclude_none=True)
    written["home"] = str(PROJECT / written["home"])
    for section in ("feeds", "rules", "oidc", "outlets", "layers", "policy", "themes"):
        written[section]["folder"] = str(PROJECT / written[section]["folder"])
    assert written == expected


def test_settings_without_a_default_are_shown_as_comments():
    text = CONFIG_FILE.read_text(encoding="utf-8")
    for section, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            body = text.split(f"[{section}]")[1].split("\n[")[0]
            for name in field.annotation.model_fields:
                assert re.search(rf"^(# )?{name} = ", body, re.MULTILINE), f"{section}.{name} is not in the file"


def test_every_setting_has_a_comment_in_both_languages():
    lines = CONFIG_FILE.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if re.match(r"(# )?\w+ = ", line):
            above = []
            for earlier in reversed(lines[:number]):
                if earlier.startswith("# ") and " = " not in earlier:
                    above.append(earlier)
                elif above or earlier.startswith("["):
                    break
            words = " ".join(above)
            assert re.search(r"[\u4e00-\u9fff]", words), line
            assert re.search(r"[A-Za-z]{3,}", words), line


def test_command_line_beats_environment_beats_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "onemap.toml"
    file.write_text("[server]\nport = 1001\nworkers = 3\nhost = '10.0.0.1'\n", encoding="utf-8")
    monkeypatch.setenv("ONEMAP_SERVER_PORT", "1002")
    monkeypatch.setenv("ONEMAP_SERVER_WORKERS", "4")
    server = load_settings(file, server={"port": 1003, "workers": None}).server
    assert (server.port, server.workers, server.host) == (1003, 4, "10.0.0.1")


def test_the_database_url_comes_from_the_environment_and_is_not_printed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ONEMAP_DATABASE_URL", "postgresql://me:secret@db/onemap")
    settings = load_settings()
    assert settings.database.url == "postgresql://me:secret@db/onemap"
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[server]\nprot = 1\n", "server.prot: there is no such setting"),
        ("nonsense = 1\n", "nonsense: there is no such setting"),
        ("[server]\nport = 99999\n", "server.port: .*65535"),
        ("[server\n", "cannot read the settings"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str):
    file = tmp_path / "onemap.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=message):
        load_settings(file)


def test_a_missing_file_and_an_unknown_variable_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(BadInput, match=r"absent\.toml"):
        load_settings(tmp_path / "absent.toml")
    monkeypatch.setenv("ONEMAP_SERVER_PROT", "1")
    with pytest.raises(BadInput, match=r"ONEMAP_SERVER_PROT is not a setting; known: .*ONEMAP_SERVER_PORT"):
        load_settings()


def test_settings_survive_the_way_to_a_worker():
    settings = load_settings(database={"url": "postgresql:///onemap"}, home="/somewhere")
    assert Settings.model_validate_json(settings.model_dump_json()) == settings
