"""Tests of commands as a person types them: refusals, questions, exit codes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from server.cli import command
from tests.command import run_command

COLUMNS = "80"


@pytest.fixture(scope="module")
def url(cluster, template):
    from tests.databases import temporary_database  # noqa: PLC0415  # only this fixture needs it

    with temporary_database(cluster, template) as url:
        yield url


@pytest.fixture
def onemap(tmp_path):
    """Run a command without a terminal: ``onemap("stop", database=url)`` returns the finished process."""

    def run(*words: str, database: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        given = {"ONEMAP_DATABASE_URL": database} if database else {}
        return run_command(*words, environment={"COLUMNS": COLUMNS} | given | environment, folder=tmp_path)

    return run


@pytest.mark.parametrize(
    "words",
    [
        ("layers",),
        ("load", "a.csv", "--layer", "shops"),
        ("quarantine", "list"),
        ("tiles", "warm", "grids", "--zooms", "14"),
        ("layer", "set", "shops", "--title", "商铺"),
    ],
    ids=lambda words: words[0],
)
def test_a_mistyped_home_makes_no_database(onemap, tmp_path, words):
    (tmp_path / "a.csv").write_text("id,lon,lat\n1,113.3,23.1\n", encoding="utf-8")
    home = tmp_path / "hmoe"
    done = onemap(*words, "--home", str(home))
    assert done.returncode == 1
    assert "没有 OneMap" in done.stderr
    assert "./onemap up --home" in done.stderr
    assert not home.exists()


def test_status_of_a_home_where_nothing_runs(onemap, tmp_path):
    done = onemap("status", "--home", str(tmp_path / "none"))
    assert (done.returncode, "未运行 not running" in done.stdout) == (3, True)


def test_version(onemap):
    done = onemap("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("OneMap 0.")


def _commands(group, path=()):
    """Yield name, command and context of every command, for a terminal of 80 columns."""
    for name, one in group.commands.items():
        if hasattr(one, "commands"):
            yield from _commands(one, (*path, name))
        else:
            yield " ".join((*path, name)), one, one.make_context(name, ["--help"], resilient_parsing=True)


def test_help_hides_nothing_in_a_narrow_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", COLUMNS)
    missing = []
    for name, each, context in _commands(command()):
        shown = "".join(each.get_help(context).split())
        missing += [
            f"{name} {p.name}" for p in each.params if "".join((getattr(p, "help", "") or "").split()) not in shown
        ]
    assert missing == []


def test_a_load_of_which_nothing_was_taken_is_no_success(onemap, tmp_path, url):
    (tmp_path / "bad.csv").write_text("id,name,lon,lat\n1,甲,0,0\n2,乙,0,0\n", encoding="utf-8")
    done = onemap("load", "bad.csv", "--layer", "nowhere_shops", "--anywhere", database=url)
    assert done.returncode == 1
    assert "坐标为 0,0" in done.stdout
    (tmp_path / "some.csv").write_text("id,name,lon,lat\n1,甲,0,0\n2,乙,113.3,23.1\n", encoding="utf-8")
    done = onemap("load", "some.csv", "--layer", "some_shops", "--anywhere", database=url)
    assert (done.returncode, "loaded 1" in done.stdout) == (0, True)


def test_a_dry_run_says_what_a_load_would_do_and_changes_nothing(onemap, tmp_path, url):
    (tmp_path / "new.csv").write_text("id,name,lon,lat\n1,甲,113.3,23.1\n2,乙,0,0\n", encoding="utf-8")
    done = onemap("load", "new.csv", "--layer", "dry_shops", "--anywhere", "--dry-run", database=url)
    assert (done.returncode, "dry run" in done.stdout, "loaded 1" in done.stdout) == (0, True, True)
    assert "dry_shops" not in onemap("layers", database=url).stdout
    assert "dry_shops" in onemap("quarantine", "list", "--layer", "dry_shops", database=url).stderr  # no such layer


def test_a_mistyped_layer_is_no_empty_quarantine(onemap, url):
    done = onemap("quarantine", "list", "--layer", "gridz", database=url)
    assert done.returncode == 1
    assert "no layer 'gridz'" in done.stderr


def test_the_quarantine_gives_the_room_to_what_a_person_must_read(onemap, tmp_path, url):
    (tmp_path / "wide.csv").write_text("id,name,lon,lat\n1,甲,0,0\n", encoding="utf-8")
    onemap("load", "wide.csv", "--layer", "wide_shops", "--anywhere", database=url)
    shown = onemap("quarantine", "list", "--layer", "wide_shops", database=url).stdout
    assert "it was never measured" in " ".join(shown.split())


def test_a_layer_is_set_renamed_and_dropped(onemap, tmp_path, url):
    (tmp_path / "l.csv").write_text("id,name,lon,lat\n1,甲,113.3,23.1\n", encoding="utf-8")
    onemap("load", "l.csv", "--layer", "first_shops", "--anywhere", database=url)
    assert "商铺" in onemap("layer", "set", "first_shops", "--title", "商铺", "--group", "民生", database=url).stdout
    assert onemap("layer", "rename", "first_shops", "second_shops", database=url).returncode == 0
    refused = onemap("layer", "drop", "second_shops", database=url)  # nobody can answer here
    assert (refused.returncode, "--yes" in refused.stderr) == (1, True)
    assert onemap("layer", "drop", "second_shops", "--yes", database=url).returncode == 0
    assert "second_shops" not in onemap("layers", database=url).stdout


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("load", "nothing.csv", "--layer", "x"), "文件"),
        (("load", "a.csv", "--layer", "我的图层"), "输入有误 bad input"),
        (("layer", "drop", "grids", "--yes"), "不存在 not found"),
        (("layer", "set", "grids"), "输入有误 bad input"),
    ],
)
def test_errors_are_one_sentence_in_both_languages(onemap, tmp_path, url, words, kind):
    (tmp_path / "a.csv").write_text("id,lon,lat\n1,113.3,23.1\n", encoding="utf-8")
    done = onemap(*words, database=url if words[-1] != "grids" else None)
    if words[:2] == ("layer", "drop"):
        done = onemap("layer", "drop", "nothing_here", "--yes", database=url)
    assert done.returncode == 1
    assert kind in done.stderr
    assert "Traceback" not in done.stderr


def test_a_fault_nobody_foresaw_is_one_sentence_too(onemap, tmp_path):
    broken = Path(tmp_path / "config.toml")
    broken.write_bytes(b"\xff\xfe")
    done = onemap("layers", "--config", str(broken))
    assert done.returncode == 1
    assert done.stderr.startswith("✗ ")
    assert "Traceback" not in done.stderr


def test_a_district_names_columns_in_the_folder_of_its_layers(onemap, url, tmp_path):
    (tmp_path / "layers").mkdir()
    (tmp_path / "layers" / "_columns.yaml").write_text("coordinates: {lon: [横向], lat: [纵向]}\n", encoding="utf-8")
    (tmp_path / "own.toml").write_text(f"[layers]\nfolder = '{tmp_path / 'layers'}'\n", encoding="utf-8")
    (tmp_path / "a.csv").write_text("名称,横向,纵向\n甲,113.35,23.13\n", encoding="utf-8")
    load = ("load", "a.csv", "--layer", "shops", "--anywhere", "--dry-run")
    assert onemap(*load, database=url).returncode == 1, "those are nobody's usual names"
    done = onemap(*load, "--config", "own.toml", database=url)
    assert done.returncode == 0, done.stdout + done.stderr
