"""The texts of a Shapefile: the encoding of its `.dbf`, column by column, and characters cut at a field's width.

GDAL reads every `.dbf` as Latin-1, which decodes each byte as a character, so that the bytes themselves arrive here.
"""

from __future__ import annotations

import codecs
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from layers.errors import BadFile
from layers.loaders.batch import Batch
from layers.loaders.encoding import GBK, MARK, MARKING, UTF8, Evidence, known

RAW = "ISO-8859-1"
_SAMPLE_BYTES = 4 * 1024**2
_ROWS = 50_000  # read at a time
_LANGUAGES = {  # the byte at 29; 0x57, "ANSI", says nothing: in China it means GBK
    0x01: "cp437", 0x02: "cp850", 0x03: "cp1252", 0x4D: GBK, 0x4F: "cp950", 0x78: "cp950", 0x7A: GBK, 0x64: "cp852",
    0x65: "cp866", 0x79: "cp949", 0x7B: "cp932", 0xC8: "cp1250", 0xC9: "cp1251", 0xCA: "cp1254", 0xCB: "cp1253",
}  # fmt: skip
_DIGITS = {"65001": UTF8, "54936": GBK, "936": GBK, "88591": "latin-1", "885915": "iso8859-15"}
_PART_OF_UTF8 = re.compile(rb"(?:[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})\Z")
_CHINESE = re.compile(rb"(?:[\xb0-\xf7][\xa1-\xfe]){2,}")  # two characters of GB2312 or more, one after the other


@dataclass(frozen=True, slots=True)
class DbfTexts:
    """The encodings of the texts of a `.dbf`.

    Attributes
    ----------
    columns
        Names of the fields as Latin-1, and the encoding of each text field.
    names
        Encoding of the names themselves.
    rows
        Number of records.
    note
        A note on the encoding for people; None where it is as declared.
    """

    columns: dict[str, str]
    names: str
    rows: int
    note: str | None = None

    def name(self, raw: str) -> str:
        """Return a field's name, decoded; a character that the limit of ten bytes cuts in two is dropped."""
        text, _ = decoded(raw.encode("latin-1"), self.names)
        return text.replace(MARK, "").strip()


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    is_text: bool
    start: int
    width: int


def read_texts(path: Path, cpg: Path | None, declared: str | None) -> DbfTexts:
    """Detect the encodings of a `.dbf` from all of its texts.

    Parameters
    ----------
    path, cpg
        The `.dbf`, and the `.cpg` with its declared encoding.
    declared
        The encoding that the user declared; it is used unchecked.

    Raises
    ------
    BadFile
        When the file's head is broken, or its texts are neither in the declared encoding nor UTF-8 nor GBK.
    """
    with path.open("rb") as file:
        head = file.read(32)
        count, start, width = (int.from_bytes(head[a:b], "little") for a, b in ((4, 8), (8, 10), (10, 12)))
        fields = _fields(path, file.read(max(0, start - 32)))
    if width < 1 or start < 33 or sum(field.width for field in fields) >= width:
        raise BadFile(f"'{path.name}' is a broken .dbf", parameter=path.name)
    if declared:
        codec = known(path.name, declared)
        return DbfTexts({f.name: codec for f in fields if f.is_text}, codec, count)
    stated = _stated(cpg, head[29])
    whole, by_column = _evidence(path, fields, start, width)
    codec, note = _settled(path, stated, whole)
    columns = {f.name: _of_column(by_column[f.name], codec) for f in fields if f.is_text}
    apart = sorted(DbfTexts({}, codec, 0).name(name) for name, own in columns.items() if own != codec)
    if apart:
        note = f"{note + '; ' if note else ''}other encoding in column {', '.join(apart[:5])}"
    return DbfTexts(columns, codec, count, note)


def _fields(path: Path, described: bytes) -> list[_Field]:
    fields, at = [], 1
    for entry in (described[i : i + 32] for i in range(0, len(described), 32)):
        if len(entry) < 32 or entry[:1] == b"\r":
            break
        is_text = entry[11:12] in {b"C", b"V"}
        width = entry[16] + (256 * entry[17] if is_text else 0)
        fields.append(_Field(entry[:11].split(b"\0")[0].decode("latin-1"), is_text, at, width))
        at += width
    if not fields:
        raise BadFile(f"'{path.name}' has no fields", parameter=path.name)
    return fields


def _stated(cpg: Path | None, language: int) -> str | None:
    """Return the codec that the `.cpg`, else the language byte, names; None where neither names a known one."""
    if cpg is not None:
        text = cpg.read_bytes()[:100].decode("ascii", "replace").strip().lower()
        digits = re.sub(r"[^0-9]", "", text)
        for name in (text, _DIGITS.get(digits), f"cp{digits}" if digits else None):
            try:
                return known(cpg.name, name) if name else None
            except BadFile:
                continue
        return None
    return _LANGUAGES.get(language)


@dataclass(slots=True)
class _Texts:
    """The evidence of a column's texts, or of all."""

    evidence: Evidence
    sample: bytes = b""

    def add(self, texts: bytes) -> None:
        self.evidence.add(texts)
        if len(self.sample) < _SAMPLE_BYTES:
            self.sample += texts[:_SAMPLE_BYTES]


def _evidence(path: Path, fields: list[_Field], start: int, width: int) -> tuple[_Texts, dict[str, _Texts]]:
    """Return the evidence of all texts and of each column, without characters cut at the end of a field."""
    whole, by_column = _Texts(Evidence()), {f.name: _Texts(Evidence()) for f in fields}
    for field in fields:
        whole.add(_uncut(field.name.encode("latin-1")) + b"\n")
    stored = (
        np.memmap(path, dtype=np.uint8, mode="r", offset=start)
        if path.stat().st_size > start
        else np.empty(0, np.uint8)
    )
    records = stored[: len(stored) // width * width].reshape(-1, width)
    for first in range(0, len(records), _ROWS):
        some = np.asarray(records[first : first + _ROWS])
        for field in fields:
            cells = some[:, field.start : field.start + field.width]
            if not field.is_text or not (cells & 0x80).any():
                continue
            rows = cells[(cells & 0x80).any(axis=1)]
            is_full = rows[:, -1] >= 0x80  # only then may a character be cut
            whole_rows = rows[~is_full]
            texts = np.pad(whole_rows, ((0, 0), (0, 1)), constant_values=ord("\n")).tobytes()
            texts += b"".join(_uncut(text) + b"\n" for text in {row.tobytes() for row in rows[is_full]})
            whole.add(texts)
            by_column[field.name].add(texts)
    for each in (whole, *by_column.values()):
        each.evidence.add(b"", final=True)
    return whole, by_column


def _uncut(text: bytes) -> bytes:
    """Remove the part of a character at the end of a full field."""
    if text[-1:] < b"\x80":
        return text
    cut = _PART_OF_UTF8.sub(b"", text)
    for whole, codec in ((text, UTF8), (cut, UTF8), (text, GBK), (text[:-1], GBK)):
        with suppress(UnicodeDecodeError):
            whole.decode(codec)
            return whole
    return text


def _settled(path: Path, stated: str | None, whole: _Texts) -> tuple[str, str | None]:
    """Return the codec, stated or detected, and a note on it."""
    found = whole.evidence.encoding()
    detected = found.name if found else None
    if stated is None:
        if detected is None:
            raise BadFile(
                f"the texts of '{path.name}' are neither UTF-8 nor GBK; declare its --encoding", parameter=path.name
            )
        return detected, f"encoding {detected}"
    if detected is None or detected == stated or not whole.sample or not _is_wrong(stated, detected, whole.sample):
        return stated, f"encoding {stated}"
    return detected, f"encoding {detected}, as its texts show; it says {stated}"


def _is_wrong(stated: str, detected: str, sample: bytes) -> bool:
    """Whether a stated encoding is wrong: the sample cannot be decoded, or has Chinese words in a Latin encoding."""
    try:
        broken = sample.decode(stated, MARKING).count(MARK)
    except UnicodeError:
        return True
    right = sample.decode(detected, MARKING).count(MARK)
    if broken > right:
        return True
    if codecs.lookup(stated).name.startswith(("cp125", "iso8859", "latin", "cp437", "cp850")):
        return bool(_CHINESE.search(sample)) if detected == GBK else right == 0
    return stated != UTF8 and detected == UTF8 and right == 0


def _of_column(texts: _Texts, codec: str) -> str:
    """Return the encoding of one column: that of the file, unless it does not fit and another does."""
    if not texts.sample or MARK not in texts.sample.decode(codec, MARKING):
        return codec
    found = texts.evidence.encoding()
    return found.name if found is not None and found.clean else codec


def decoded(raw: bytes, codec: str) -> tuple[str, bool]:
    """Return a decoded text, and whether a partial character was removed from its end."""
    try:
        return raw.decode(codec), False
    except UnicodeDecodeError as error:
        if error.end == len(raw) and ("incomplete" in error.reason or "unexpected end" in error.reason):
            return raw[: error.start].decode(codec, MARKING), True
        return raw.decode(codec, MARKING), False


def decode_columns(batch: Batch, codecs_of: dict[str, str]) -> None:
    """Decode a batch's columns that were read as Latin-1; cut characters are removed, invalid bytes are marked."""
    arrays = []
    for name, column in zip(batch.columns.schema.names, batch.columns.columns, strict=True):
        codec = codecs_of.get(name)
        if codec is None or not pa.types.is_string(column.type) or _is_ascii(column):
            arrays.append(column)
            continue
        encoded = column.dictionary_encode()
        read = [decoded(text.encode("latin-1"), codec) for text in encoded.dictionary.to_pylist()]
        cut = pc.fill_null(
            pc.take(pa.array([was_cut for _, was_cut in read], pa.bool_()), encoded.indices), fill_value=False
        )
        batch.repaired("cut_character", int(pc.sum(cut).as_py() or 0))
        texts = pa.array([text for text, _ in read], pa.string())
        arrays.append(pc.take(texts, encoded.indices))
    batch.columns = pa.RecordBatch.from_arrays(arrays, names=batch.columns.schema.names)


def _is_ascii(column: pa.Array) -> bool:
    return bool(pc.all(pc.string_is_ascii(column), min_count=0).as_py())
