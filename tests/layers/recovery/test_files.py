"""Tests of the store of files beside the database."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from layers.cluster.base_backup import DamagedBackup
from layers.recovery.files import FileStore


@pytest.fixture
def home(tmp_path):
    home = tmp_path / "home"
    (home / "rasters").mkdir(parents=True)
    (home / "rasters" / "dem.tif").write_bytes(b"heights")
    (home / "secrets").mkdir(mode=0o700)
    (home / "secrets" / "feed").write_text("key", encoding="ascii")
    (home / "secrets" / "feed").chmod(0o600)
    (home / "drops" / "empty").mkdir(parents=True)
    (home / "drops" / "empty").chmod(0o770)
    (home / "tiles").mkdir()
    (home / "tiles" / "cached").write_bytes(b"tile")
    return home


@pytest.fixture
def store(tmp_path):
    (tmp_path / "backup").mkdir()
    return FileStore(tmp_path / "backup")


def content(folder):
    return {
        str(path.relative_to(folder)): (path.read_bytes() if path.is_file() else None, path.stat().st_mode)
        for path in sorted(folder.rglob("*"))
    }


def test_files_come_back_with_rights_times_and_empty_folders_and_without_what_is_excluded(store, home, tmp_path):
    name = store.take({"home": home}, [home / "tiles"])
    count = store.put_back(store.read(name), "home", tmp_path / "new")
    expected = {path: what for path, what in content(home).items() if not path.startswith("tiles")}
    assert content(tmp_path / "new") == expected
    assert count == 2
    old, new = (folder / "rasters" / "dem.tif" for folder in (home, tmp_path / "new"))
    assert old.stat().st_mtime_ns == new.stat().st_mtime_ns


def test_a_content_is_stored_once_and_an_unchanged_file_is_not_read_again(store, home, tmp_path):
    store.take({"home": home})
    (home / "rasters" / "copy.tif").write_bytes(b"heights")
    stored = {path.stat().st_ino for path in (tmp_path / "backup" / "files").glob("??/*")}
    (home / "secrets" / "feed").rename(home / "secrets" / "other")
    store.take({"home": home})
    assert {path.stat().st_ino for path in (tmp_path / "backup" / "files").glob("??/*")} == stored


def test_the_files_of_a_moment_are_those_before_it_with_what_only_the_next_list_has(store, home):
    first = store.read(store.take({"home": home}))
    (home / "rasters" / "dem.tif").unlink()
    (home / "rasters" / "rain.tif").write_bytes(b"rain")
    (home / "secrets" / "feed").write_text("new key", encoding="ascii")
    second = store.read(store.take({"home": home}))
    between = {entry.path: entry.sha256 for entry in store.at(first.at + (second.at - first.at) / 2).entries}
    assert {"home/rasters/dem.tif", "home/rasters/rain.tif"} <= between.keys()
    assert between["home/secrets/feed"] == next(e.sha256 for e in first.entries if e.path == "home/secrets/feed")
    assert store.at(None) == second == store.at(datetime.now(UTC) + timedelta(days=1))
    assert store.at(first.at - timedelta(days=1)) == first


def test_damage_is_found_and_a_damaged_content_is_not_put_back(store, home, tmp_path):
    files = store.read(store.take({"home": home}))
    assert store.damages(files) == []
    digest = next(entry.sha256 for entry in files.entries if entry.path == "home/rasters/dem.tif")
    stored = tmp_path / "backup" / "files" / digest[:2] / digest
    stored.write_bytes(b"heightz")
    assert store.damages(files) == ["the content of home/rasters/dem.tif is damaged"]
    with pytest.raises(DamagedBackup, match=r"dem\.tif is damaged"):
        store.put_back(files, "home", tmp_path / "new")
    stored.unlink()
    assert store.damages(files) == ["the content of home/rasters/dem.tif is missing"]
    with pytest.raises(DamagedBackup, match=r"dem\.tif is missing"):
        store.put_back(files, "home", tmp_path / "newer")


def test_old_lists_go_with_the_contents_that_no_other_has(store, home, tmp_path):
    first = store.take({"home": home})
    (home / "rasters" / "dem.tif").write_bytes(b"new heights")
    second = store.take({"home": home})
    assert store.prune(store.read(second).at, [first]) == 0, "a list of a kept backup stays"
    assert store.prune(store.read(second).at, []) == len(b"heights")
    assert store.names() == [second]
    assert store.damages(store.read(second)) == []


def test_links_and_half_written_files_are_not_followed_and_links_are_named(store, home, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"x")
    (home / "linked").symlink_to(outside)
    (home / "rasters" / "one.tif").symlink_to(outside / "secret")
    (home / "city.new").write_bytes(b"half")
    files = store.read(store.take({"home": home}))
    assert not {"home/linked", "home/linked/secret", "home/rasters/one.tif", "home/city.new"} & {
        entry.path for entry in files.entries
    }
    assert len(files.skipped) == 2


def test_the_same_folder_may_be_restored_by_its_owner_alone(store, home):
    store.take({"home": home})
    for folder in ("files", "lists"):
        assert (home.parent / "backup" / folder).stat().st_mode & 0o777 == 0o700
        assert (home.parent / "backup" / folder).stat().st_uid == os.geteuid()
