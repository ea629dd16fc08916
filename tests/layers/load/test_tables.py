"""Tables of offices: in any encoding, with any delimiter and titles, the loader and the drop feed read the same."""

from __future__ import annotations

import csv
import io
import os
import re
import tempfile
import zipfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.chart import BarChart

from layers.errors import BadFile
from layers.loaders.encoding import guess
from layers.loaders.opening import open_source
from tests.workbooks import workbook
from twin.envelope.refused import Reason, Refused
from twin.feeds.table import read_rows

NAMES = ["名称", "状态", "备注 （路口）"]
WORDS = ["营业", "停业", "歇业", "天河北路", "石牌", "A1", "café", "12号", "𠮷野", "é", "B-7", "·"]
CLOSED = {"gbk": {"café", "é", "𠮷野"}, "gb18030": set()}
ENCODINGS = ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16", "utf-16-le", "mark and gbk"]
rows_of_words = st.lists(st.lists(st.sampled_from(WORDS), min_size=3, max_size=3), min_size=1, max_size=8)


def encoded(text: str, encoding: str) -> bytes:
    return b"\xef\xbb\xbf" + text.encode("gbk") if encoding == "mark and gbk" else text.encode(encoding)


def written(rows, delimiter, above="") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return above + text.getvalue()


def loaded(name: str, body: bytes, encoding: str | None = None):
    """Return the rows of the loader by their lines, and the refused ones."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(body)
        source = open_source(path, encoding=encoding)
        good, bad = {}, {}
        for batch in source.batches():
            bad |= {one.line: one.reason for one in batch.rejections()}
            rows = zip(batch.lines.tolist(), batch.columns.to_pylist(), batch.ok, strict=True)
            good |= {line: {k: v for k, v in row.items() if v is not None} for line, row, ok in rows if ok}
    return good, bad, source


def dropped(name: str, body: bytes, encoding: str | None = None):
    """Return the rows of the drop feed."""
    rows, refused = read_rows(body, name, encoding)
    return dict(rows), {one.index: str(one.reason) for one in refused}


@settings(max_examples=150, deadline=None)
@given(rows_of_words, st.sampled_from(ENCODINGS), st.sampled_from(",;\t|"), st.sampled_from(["", "title", "sep"]))
def test_any_table_in_any_encoding_reads_back_the_same(rows, encoding, delimiter, above):
    if "gbk" in encoding:
        rows = [["石牌" if cell in CLOSED["gbk"] else cell for cell in row] for row in rows]
    title = {"": "", "title": "天河区商铺一览表\r\n制表日期：2026年6月\r\n", "sep": f"sep={delimiter}\r\n"}[above]
    header = [name.replace(" ", "\n") for name in NAMES]
    body = encoded(written([header, *rows], delimiter, title), encoding)
    good, bad, source = loaded("a.csv", body)
    assert bad == {}
    assert source.columns.names == NAMES
    assert [list(row.values()) for row in good.values()] == rows
    assert dropped("a.csv", body) == (good, {})


@settings(max_examples=100, deadline=None)
@given(rows_of_words, st.sampled_from(["utf-8", "gbk"]), st.data())
def test_a_character_cut_in_two_costs_its_own_row(rows, encoding, data):
    rows = [["天河区石牌街道", "石牌", "天河北路"], *rows, ["天河区猎德街道", "猎德", "黄埔大道"]]
    rows = [["石牌" if cell in CLOSED["gbk"] else cell for cell in row] for row in rows]
    at = data.draw(st.integers(0, len(rows) - 1))
    lines = written([["名称", "街道名称", "道路名称"], *rows], ",").encode(encoding).splitlines(keepends=True)
    lines[at + 1] = "路".encode(encoding)[:-1] + b"," + lines[at + 1].split(b",", 1)[1]
    good, bad, _ = loaded("a.csv", b"".join(lines))
    assert bad == {at + 2: "bad_encoding"}
    assert [list(row.values()) for row in good.values()] == [row for n, row in enumerate(rows) if n != at]
    assert dropped("a.csv", b"".join(lines)) == (good, bad)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Москва, Привет мир", "utf-8"),
        ("Tiānhé qū, café, Müller, 30°C, km²", "utf-8"),
        ("营业,停业,农业", "gbk"),
        ("", "utf-8"),
        ("plain", "utf-8"),
    ],
)
def test_what_could_be_both_is_what_people_write(text, encoding):
    found = guess([text.encode(encoding)])
    assert found is not None
    assert text.encode(encoding).decode(found.name) == text


def test_what_is_neither_is_refused():
    with pytest.raises(BadFile, match="--encoding"):
        loaded("a.csv", "name,lon\nAndr\xe9,1\nRen\xe9,2\n".encode("latin-1"))


def changed(body: bytes, member: str, pattern: bytes, by: bytes) -> bytes:
    """Return a workbook with a part of one member changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(body)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            content = old.read(info)
            new.writestr(info.filename, re.sub(pattern, by, content) if info.filename == member else content)
    return out.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
TABLE = [("名称", "经度", "纬度"), ("甲", 113.35, 23.13), ("乙", 113.36, 23.14), ("丙", 113.37, 23.15)]


@pytest.mark.parametrize("said", [b"A1", b"A1:B2", b"A1:C2", b"A1:XFD1048576", b"Z9"])
def test_what_a_sheet_says_of_its_size_is_not_believed(said):
    body = changed(workbook(*TABLE), SHEET, rb'<dimension ref="[^"]*"', b'<dimension ref="' + said + b'"')
    good, bad, _ = loaded("a.xlsx", body)
    assert ([row["名称"] for row in good.values()], bad) == (["甲", "乙", "丙"], {})
    assert dropped("a.xlsx", body) == (
        {n: dict(zip(TABLE[0], row, strict=True)) for n, row in enumerate(TABLE[1:], 2)},
        {},
    )


@pytest.mark.parametrize(
    ("above", "names"),
    [
        ([("天河区摄像头一览表",)], ["名称", "经度", "纬度"]),
        ([("天河区摄像头一览表",), (), ("单位：个",)], ["名称", "经度", "纬度"]),
        ([("点位", "坐标", None)], ["名称", "经度", "纬度"]),
    ],
)
def test_titles_above_the_header_are_passed_over(above, names):
    body = workbook(*above, *TABLE)
    good, bad, source = loaded("a.xlsx", body)
    assert source.has_geometry
    assert source.notes
    assert [row["名称"] for row in good.values()] == ["甲", "乙", "丙"]
    assert bad == {}
    assert [list(row) for row in dropped("a.xlsx", body)[0].values()] == [names] * 3


def test_groups_of_columns_have_their_names_in_two_rows():
    body = workbook(("名称", "坐标", None, "数量"), (None, "经度", "纬度"), ("甲", 113.35, 23.13, 3))
    good, _, source = loaded("a.xlsx", body)
    assert source.columns.names == ["名称", "数量"]
    assert source.geometry_columns == ("经度", "纬度")
    assert len(good) == 1
    assert dropped("a.xlsx", body)[0] == {3: {"名称": "甲", "经度": 113.35, "纬度": 23.13, "数量": 3}}


def test_a_row_with_more_cells_than_names_is_refused_not_cut():
    body = workbook(*TABLE, ("丁", 113.38, 23.16, "多"))
    assert loaded("a.xlsx", body)[1] == {5: "broken_line"}
    assert list(dropped("a.xlsx", body)[1]) == [5]


def test_a_chart_in_front_is_passed_over_and_strict_workbooks_are_explained():
    book = openpyxl.Workbook()
    for row in TABLE:
        book.active.append(row)
    sheet = book.create_chartsheet("图", 0)
    sheet.add_chart(BarChart())
    out = io.BytesIO()
    book.save(out)
    assert len(loaded("a.xlsx", out.getvalue())[0]) == 3
    assert len(dropped("a.xlsx", out.getvalue())[0]) == 3
    strict = changed(
        workbook(*TABLE),
        "xl/workbook.xml",
        rb"http://schemas.openxmlformats.org/spreadsheetml/2006/main",
        b"http://purl.oclc.org/ooxml/spreadsheetml/main",
    )
    with pytest.raises(BadFile, match="Strict"):
        loaded("a.xlsx", strict)
    with pytest.raises(Refused, match="Strict"):
        dropped("a.xlsx", strict)


def test_the_other_sheets_are_named_and_an_empty_one_in_front_is_told():
    book = openpyxl.Workbook()
    book.active.title = "封面"
    for row in TABLE:
        book.create_sheet("数据").append(row) if "数据" not in book.sheetnames else book["数据"].append(row)
    out = io.BytesIO()
    book.save(out)
    with pytest.raises(BadFile, match=r"封面.*数据.*--source-layer"):
        loaded("a.xlsx", out.getvalue())
    book["封面"].append(("说明：本表仅供内部使用",))
    out = io.BytesIO()
    book.save(out)
    assert any("数据" in note for note in loaded("a.xlsx", out.getvalue())[2].notes)


def test_shared_texts_that_would_fill_the_memory_are_refused():
    body = workbook(*TABLE)
    out = io.BytesIO(body)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/sharedStrings.xml", "w") as texts:
        for n in range(80):
            texts.write(os.urandom(4000) + bytes(1024 * 1024 - 4000) + str(n).encode())
    with pytest.raises(BadFile, match="shared texts"):
        loaded("a.xlsx", out.getvalue())
    with pytest.raises(Refused) as refused:
        dropped("a.xlsx", out.getvalue())
    assert refused.value.reason is Reason.TOO_LARGE


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("经纬度", ["113.35,23.13", "113.36，23.14"]),
        ("坐标", ["(113.35, 23.13)", "[113.36 23.14]"]),
        ("location", ["113.35,23.13", "113.36, 23.14"]),
        ("latlon", ["23.13,113.35", "23.14;113.36"]),
    ],
)
def test_longitude_and_latitude_in_one_column(column, cells):
    body = written([["名称", column], ["甲", cells[0]], ["乙", cells[1]]], ",").encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_bytes(body)
        (batch,) = open_source(path).batches()
    assert [point.wkt for point in batch.geometry] == ["POINT (113.35 23.13)", "POINT (113.36 23.14)"]


def test_a_column_called_location_that_holds_addresses_is_no_geometry():
    assert not loaded("a.csv", "名称,location\n甲,天河北路12号\n".encode())[2].has_geometry


ODD = [
    "CURVEPOLYGON(CIRCULARSTRING(113.35 23.13,113.351 23.131,113.352 23.13,113.351 23.129,113.35 23.13))",
    "MULTISURFACE(((113.36 23.13,113.361 23.13,113.361 23.131,113.36 23.13)))",
    "TIN Z(((113.36 23.13 1,113.361 23.13 1,113.361 23.131 1,113.36 23.13 1)))",
    "POINT(113 x)",
    "POINT(1",
    "\u0000",
    "天河",
]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["POINT(113.35 23.13)", *ODD]), min_size=1, max_size=12))
def test_an_odd_geometry_costs_its_own_row(shapes):
    shapes = [shape for shape in shapes if "\0" not in shape]
    body = written([["名称", "wkt"], *([f"n{n}", shape] for n, shape in enumerate(shapes))], ",").encode()
    if shapes:
        good, bad, _ = loaded("a.csv", body)
        assert sorted(bad) == [n + 2 for n, shape in enumerate(shapes) if shape in ODD]
        assert len(good) + len(bad) == len(shapes)
