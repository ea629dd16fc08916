"""Texts of Shapefiles: in any encoding, whatever the file declares, with names and values cut within a character."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.errors import BadFile
from layers.loaders.dbf import decoded, read_texts
from layers.loaders.opening import open_source
from tests.layers.load.shapefiles import dbf, write_shapefile

WORDS = ["天河区石牌街道办事处", "营业", "停业", "石牌", "A1", "天河北路12号", "广州塔", "B座"]
SAID = {"utf-8": ["UTF-8", "65001", "utf8"], "gbk": ["GBK", "936", "CP936", "ANSI 936", "GB2312"]}
LIES = [None, "OEM", "ISO-8859-1", "1252", "System"]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(WORDS), min_size=2, max_size=2), min_size=1, max_size=8),
    st.sampled_from(["utf-8", "gbk"]),
    st.data(),
)
def test_any_texts_read_back_whatever_is_said_of_them(rows, encoding, data):
    rows = [["天河区石牌街道", "石牌"], *rows]
    says = data.draw(st.sampled_from([*LIES, *SAID["utf-8"], *SAID["gbk"]]))
    width = data.draw(st.integers(13, 40))
    texts = _read([(name.encode(encoding), width) for name in ("名称", "状态")], rows, encoding, says)
    assert [texts.name(name) for name in texts.columns] == ["名称", "状态"]
    codecs = list(texts.columns.values())
    for row in rows:
        for word, codec in zip(row, codecs, strict=True):
            read, was_cut = decoded(word.encode(encoding)[:width], codec)
            assert word.startswith(read)
            assert len(read) == len(word) or was_cut or len(read.encode(encoding)) == width


def _read(fields, rows, encoding, says, declared=None):
    with tempfile.TemporaryDirectory() as folder:
        path, cpg = Path(folder) / "a.dbf", Path(folder) / "a.cpg"
        path.write_bytes(dbf(fields, [[cell.encode(encoding) for cell in row] for row in rows]))
        if says is not None:
            cpg.write_text(says)
        return read_texts(path, cpg if says else None, declared)


def test_a_column_in_another_encoding_is_read_in_it():
    rows = [["天河区石牌街道办".encode(), "营业中".encode("gbk")], ["广州塔".encode(), "已停业".encode("gbk")]]
    with tempfile.TemporaryDirectory() as folder:
        path = write_shapefile(Path(folder) / "a.shp", [(b"NAME", 30), (b"STATE", 10)], rows)
        source = open_source(path)
        (batch,) = source.batches()
    assert batch.columns.to_pylist() == [
        {"NAME": "天河区石牌街道办", "STATE": "营业中"},
        {"NAME": "广州塔", "STATE": "已停业"},
    ]
    assert any("other encoding" in note for note in source.notes)


def test_a_declared_encoding_is_believed_and_bytes_that_are_no_text_cost_their_row(tmp_path):
    rows = [["天河".encode("gbk")], [b"\xff\xff\xff"], ["石牌".encode("gbk")]]
    path = write_shapefile(tmp_path / "a.shp", [("名称".encode("gbk"), 12)], rows, cpg="UTF-8")
    (batch,) = open_source(path, encoding="gbk").batches()
    assert batch.ok.tolist() == [True, False, True]
    assert [r.reason for r in batch.rejections()] == ["bad_encoding"]
    assert batch.columns.column("名称").to_pylist()[::2] == ["天河", "石牌"]


def test_names_and_values_cut_in_a_character_lose_it_and_stay_apart(tmp_path):
    names = [("行政区划代码".encode(), 20), ("行政区划名称".encode(), 8)]
    path = write_shapefile(tmp_path / "a.shp", names, [[b"440106001", "天河公园".encode()]])
    (batch,) = open_source(path).batches()
    assert batch.columns.to_pylist() == [{"行政区": "440106001", "行政区_2": "天河"}]
    assert batch.repairs == {"cut_character": 1}


def test_parts_in_any_case_and_a_padded_file_are_read(tmp_path):
    path = write_shapefile(tmp_path / "a.shp", [(b"NAME", 8)], [[b"x"], [b"y"]])
    path.write_bytes(path.read_bytes() + bytes(8))
    path.with_suffix(".dbf").rename(tmp_path / "a.Dbf")
    (batch,) = open_source(path).batches()
    assert batch.columns.column("NAME").to_pylist() == ["x", "y"]


def test_a_zip_from_a_mac_is_one_shapefile(tmp_path):
    path = write_shapefile(tmp_path / "a.shp", [(b"NAME", 8)], [[b"x"]])
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for part in tmp_path.glob("a.s*"):
            archive.write(part, part.name)
            archive.writestr(f"__MACOSX/._{part.name}", b"\0\5\x16\7")
        archive.write(path.with_suffix(".dbf"), "a.dbf")
    (batch,) = open_source(tmp_path / "a.zip").batches()
    assert len(batch) == 1


def test_fewer_rows_than_shapes_are_refused_and_a_system_nobody_reads_is_told(tmp_path):
    path = write_shapefile(tmp_path / "a.shp", [(b"NAME", 8)], [[b"x"]], shapes=3)
    with pytest.raises(BadFile, match="3 shapes"):
        open_source(path)
    path = write_shapefile(tmp_path / "b.shp", [(b"NAME", 8)], [[b"x"]], prj="GCJ-02 火星坐标")
    assert open_source(path).crs_unread == "GCJ-02 火星坐标"


@pytest.mark.parametrize("damage", [b"", b"\3", b"\3" * 40, bytes(64)])
def test_a_broken_dbf_is_refused_in_words(tmp_path, damage):
    path = write_shapefile(tmp_path / "a.shp", [(b"NAME", 8)], [[b"x"]])
    path.with_suffix(".dbf").write_bytes(damage)
    with pytest.raises(BadFile):
        open_source(path)
