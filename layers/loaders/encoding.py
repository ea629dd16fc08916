"""The encoding of a text, detected from all of it; invalid bytes are marked, and only their own row is refused."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from layers.errors import BadFile
from layers.loaders.batch import Batch

UTF8, GBK = "utf-8", "gb18030"  # GB18030 holds GBK and GB2312
MARK = "\ufdd0"  # replaces invalid bytes; a noncharacter, which Unicode reserves for internal use
MARKING = "onemap_mark"  # the error handler that inserts it
_BLOCK_BYTES = 1024**2
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_HIGH_BYTES = bytes(range(0x80, 0x100))
_PAIRS = re.compile(rb"(?:[\xc2-\xdf][\xa1-\xbf])+")  # valid two-byte UTF-8 and in the square of GB2312
_SYNONYMS = {"gbk": GBK, "gb2312": GBK, "cp936": GBK, "hz": "hz", "euc_cn": GBK}
_HOPELESS = 1000  # broken pieces, after which detection stops


def _mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return MARK, error.end


codecs.register_error(MARKING, _mark)


@dataclass(frozen=True, slots=True)
class Encoding:
    """The encoding of a text.

    Attributes
    ----------
    name
        Python's name of the codec.
    clean
        Whether all of the text is known to be valid in it.
    """

    name: str
    clean: bool = False


class Evidence:
    """Evidence for UTF-8 and for GBK, in all bytes added so far."""

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder(UTF8)("replace")
        self._gbk = codecs.getincrementaldecoder(GBK)("replace")
        self._high = self._wide = self._not_utf8 = self._not_gbk = 0
        self._has_words, self._all_pairs, self._open_run = False, True, b""

    def add(self, block: bytes, *, final: bool = False) -> None:
        """Add bytes; `final` when they are the last."""
        values = np.frombuffer(block, dtype=np.uint8)
        high = int(np.count_nonzero(values & 0x80))
        if high or final:
            self._high += high
            self._wide += int(np.count_nonzero((values >= 0xE1) & (values <= 0xF4)))
            if not self._hopeless:
                self._not_utf8 += _broken(self._utf8, block, final=final)
            if self._not_utf8 or not self._wide:
                self._not_gbk += _broken(self._gbk, block, final=final)
            if not self._wide and not self._not_utf8 and self._all_pairs:
                self._look_at_pairs(block)

    @property
    def _hopeless(self) -> bool:
        return self._not_utf8 > _HOPELESS and self._wide < 2 * self._not_utf8

    def _look_at_pairs(self, block: bytes) -> None:
        """Count words of GBK that are UTF-8 too, such as 营业: two letters or more, all in GB2312's square."""
        block = self._open_run + block + b" " * (not block)
        whole = len(block.rstrip(_HIGH_BYTES))
        self._open_run = block[whole:]
        for run in _HIGH_RUN.findall(block[:whole]):
            if not _PAIRS.fullmatch(run):
                self._all_pairs = False
                return
            self._has_words |= len(run) >= 4

    def encoding(self) -> Encoding | None:
        """Return UTF-8 or GB18030; None when the bytes fit neither."""
        if not self._not_utf8:
            words_of_gbk = self._has_words and self._all_pairs and not self._wide and not self._not_gbk
            return Encoding(GBK if words_of_gbk else UTF8, clean=True)
        if self._wide - self._not_utf8 >= 2 * self._not_utf8:  # a lead byte without a follower was counted as wide
            return Encoding(UTF8)
        if self._not_gbk * 8 > self._high:
            return None
        return Encoding(GBK, clean=not self._not_gbk)


def _broken(decoder: codecs.IncrementalDecoder, block: bytes, *, final: bool) -> int:
    """Return the number of pieces that a decoder replaces; U+FFFD that the file itself has is no fault."""
    before = block.count(b"\xef\xbf\xbd") + block.count(b"\x84\x31\xa4\x37")
    return max(0, decoder.decode(block, final).count("\ufffd") - before)


def guess(blocks: Iterable[bytes]) -> Encoding | None:
    """Return UTF-8 or GB18030, detected from all of a text; None when it fits neither."""
    evidence = Evidence()
    for block in blocks:
        evidence.add(block)
    evidence.add(b"", final=True)
    return evidence.encoding()


def find_encoding(name: str, file: IO[bytes], declared: str | None = None) -> Encoding:
    """Return the encoding of a text file.

    Parameters
    ----------
    name
        Name of the file, for messages.
    declared
        The encoding that the user declared; it is used unchecked.

    Raises
    ------
    BadFile
        When there is no such encoding, or the file is neither UTF-8, UTF-16 nor GBK, or has NUL bytes.
    """
    if declared:
        return Encoding(known(name, declared))
    file.seek(0)
    head = file.read(_BLOCK_BYTES)
    if wide := utf16_of(head[:4096]):
        return Encoding(wide)
    evidence = Evidence()
    for block in _blocks(file):
        if b"\0" in block:
            raise BadFile(f"'{name}' is not a text file: it has NUL bytes", parameter=name)
        evidence.add(block)
    evidence.add(b"", final=True)
    found = evidence.encoding()
    if found is None:
        raise BadFile(f"'{name}' is neither UTF-8 nor GBK; declare its --encoding", parameter=name)
    return found


def known(name: str, declared: str) -> str:
    """Return the codec of a declared encoding; GBK and GB2312 are read as GB18030, which includes them.

    Raises
    ------
    BadFile
        When no codec of that name decodes bytes to text.
    """
    try:
        info = codecs.lookup(declared.strip())
        "".encode(info.name)
    except (LookupError, ValueError) as error:
        raise BadFile(
            f"there is no encoding '{declared[:40]}'; usual are utf-8, gbk, utf-16", parameter=name
        ) from error
    return _SYNONYMS.get(info.name, info.name)


def utf16_of(head: bytes) -> str | None:
    """Return the codec of UTF-16, by its mark or the zeros of its commas and digits; None for other texts."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    upper, lower = head[0::2].count(0), head[1::2].count(0)
    if max(upper, lower) * 8 < len(head) or min(upper, lower) * 8 > max(upper, lower):
        return None
    return "utf-16-le" if lower > upper else "utf-16-be"


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield a file's bytes without the byte order mark of UTF-8, which programs also put before GBK."""
    file.seek(0)
    first = file.read(_BLOCK_BYTES)
    yield first.removeprefix(codecs.BOM_UTF8)
    while block := file.read(_BLOCK_BYTES):
        yield block


def as_utf8(file: IO[bytes], encoding: Encoding) -> Iterator[bytes]:
    """Yield a file's text as UTF-8 without a byte order mark, in blocks; invalid bytes have become `MARK`.

    Raises
    ------
    UnicodeError
        When the codec cannot continue (UTF-16 that has lost a byte).
    """
    if encoding.clean and encoding.name == UTF8:
        yield from _blocks(file)
        return
    of_bytes = encoding.name == UTF8 or len("a".encode(encoding.name)) == 1  # after a lost byte of UTF-16 all is noise
    decoder = codecs.getincrementaldecoder(encoding.name)(MARKING if of_bytes else "strict")
    started = False
    for block in _blocks(file):
        text = decoder.decode(block)
        if text and not started:
            text, started = text.removeprefix("\ufeff"), True
        yield text.encode(UTF8, "replace")
    yield decoder.decode(b"", final=True).encode(UTF8, "replace")


def refuse_marked(batch: Batch, encoding: str) -> None:
    """Reject the rows with invalid bytes; their records have U+FFFD in the place of these."""
    columns, marked = [], np.zeros(len(batch), dtype=np.bool_)
    for column in batch.columns.columns:
        found = column
        if pa.types.is_string(column.type):
            rows = pc.fill_null(pc.match_substring(column, MARK), fill_value=False)
            if pc.any(rows, min_count=0).as_py():
                marked |= rows.to_numpy(zero_copy_only=False)
                found = pc.replace_substring(column, MARK, "\ufffd")
        columns.append(found)
    if marked.any():
        batch.columns = pa.RecordBatch.from_arrays(columns, schema=batch.columns.schema)
        batch.reject(marked, "bad_encoding", f"the row has bytes that are no text in {encoding}")


def decoded_texts(column: pa.Array, codec: str) -> pa.Array:
    """Return a column of texts as valid UTF-8; other texts are decoded with a codec, and marked where that fails."""
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        raw = pa.Array.from_buffers(pa.binary(), len(column), column.buffers(), offset=column.offset)
        raw.validate(full=True)
        return pa.array([None if one is None else _text(one, codec) for one in raw.to_pylist()], pa.string())
    return column


def _text(raw: bytes, codec: str) -> str:
    try:
        return raw.decode(UTF8)
    except UnicodeDecodeError:
        return raw.decode(codec, MARKING)


def open_checked(path: Path, declared: str | None) -> Encoding:
    """Return the encoding of a file by its path, as `find_encoding`."""
    with path.open("rb") as file:
        return find_encoding(path.name, file, declared)
