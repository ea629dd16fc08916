"""The rows of a workbook: of a file that is loaded, or of the bytes of a dropped file."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from warnings import catch_warnings

from layers.errors import BadFile, OneMapError, TooLargeFile
from layers.loaders.archive import check_archive

if TYPE_CHECKING:
    import openpyxl

SHARED_TEXTS_BYTES_MAX = 64 * 1024**2  # of XML; they are held in memory, in eight times the space
WORKBOOK_BYTES_MAX = 1024**3
_STRICT = b"purl.oclc.org/ooxml"
_HEAD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Worksheet:
    """A sheet: its rows, each as long as it is stored, and the names of all sheets."""

    title: str
    others: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]


@contextmanager
def open_sheet(file: Path | IO[bytes], name: str, sheet: str | None = None) -> Iterator[Worksheet]:
    """Open a sheet of a workbook.

    Parameters
    ----------
    name
        Name of the file, for messages.
    sheet
        Name of the sheet; by default the first that is not a chart.

    Raises
    ------
    BadFile
        When it is no workbook, is damaged anywhere in that sheet, would unpack to far more than its size, or has no
        such sheet. On damaged files openpyxl raises errors of any class, so all are caught.
    """
    import openpyxl  # noqa: PLC0415  # a fifth of a second, in every process, for the few that read a workbook

    try:
        _check(file, name)
        with catch_warnings(action="ignore"):  # about parts that openpyxl ignores: styles, validations, defined names
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
    except OneMapError:
        raise
    except Exception as error:
        raise BadFile(f"'{name}' is not a spreadsheet that can be read: {error}", parameter=name) from error
    try:
        chosen = _chosen(book, name, sheet)
        chosen.reset_dimensions()  # the stored size of a sheet is often wrong
        with catch_warnings(action="ignore"):
            others = tuple(title for title in book.sheetnames if title != chosen.title)
            yield Worksheet(chosen.title, others, chosen.iter_rows(values_only=True))
    except OneMapError:
        raise
    except Exception as error:
        raise BadFile(f"'{name}' breaks off or is damaged: {error}", parameter=name) from error
    finally:
        book.close()


def _check(file: Path | IO[bytes], name: str) -> None:
    members = check_archive(file, name)
    unpacked = sum(member.file_size for member in members)
    if unpacked > WORKBOOK_BYTES_MAX:
        raise TooLargeFile(f"'{name}' would unpack to {unpacked} bytes; at most {WORKBOOK_BYTES_MAX}", parameter=name)
    for member in members:
        if member.filename.lower() == "xl/sharedstrings.xml" and member.file_size > SHARED_TEXTS_BYTES_MAX:
            message = f"'{name}' has {member.file_size} bytes of shared texts; at most {SHARED_TEXTS_BYTES_MAX}"
            raise TooLargeFile(f"{message}: save it as CSV", parameter=name)
    with zipfile.ZipFile(file) as archive, archive.open("xl/workbook.xml") as book:
        if _STRICT in book.read(_HEAD_BYTES):
            raise BadFile(
                f"'{name}' is a Strict Open XML workbook; save it as 'Excel workbook (.xlsx)'", parameter=name
            )


def _chosen(book: openpyxl.Workbook, name: str, sheet: str | None) -> Any:
    sheets = {one.title: one for one in book.worksheets if hasattr(one, "reset_dimensions")}
    if not sheets:
        raise BadFile(f"'{name}' has no sheet with cells", parameter=name)
    if sheet is not None and sheet not in sheets:
        raise BadFile(f"'{name}' has no sheet '{sheet}'; it has {', '.join(sheets)}", parameter=name)
    return sheets[sheet] if sheet is not None else next(iter(sheets.values()))
