"""Untrusted zip files: unpacked only where every member is harmless."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO

from layers.errors import BadFile, TooLargeFile

MEMBERS_MAX = 1000
UNPACKED_BYTES_MAX = 8 * 1024**3
RATIO_MAX = 200  # deflate reaches 1,000 on zeros; real data stays under 30
_RATIO_MATTERS_FROM_BYTES = 50 * 1024**2


def check_archive(file: Path | IO[bytes], name: str) -> list[zipfile.ZipInfo]:
    """Check a zip file's directory, without unpacking the file.

    Parameters
    ----------
    file, name
        The file, and its name in messages.

    Returns
    -------
    list of ZipInfo
        Its files, without folders.

    Raises
    ------
    BadFile
        When it is broken or encrypted, has too many members, a member outside its own folder, or would unpack to far
        more than its size.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = [m for m in archive.infolist() if not m.is_dir() and not _is_litter(m)]
            size = _size(file)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise BadFile(f"'{name}' is a broken zip file: {error}", parameter=name) from error
    if len(members) > MEMBERS_MAX:
        raise BadFile(f"'{name}' has {len(members)} members; at most {MEMBERS_MAX}", parameter=name)
    for member in members:
        _check_member(name, member)
    unpacked = sum(m.file_size for m in members)
    too_dense = unpacked > _RATIO_MATTERS_FROM_BYTES and unpacked > RATIO_MAX * size
    if unpacked > UNPACKED_BYTES_MAX or too_dense:
        raise TooLargeFile(f"'{name}' would unpack to {unpacked} bytes; that is refused", parameter=name)
    return members


def _is_litter(member: zipfile.ZipInfo) -> bool:
    """Whether a member is metadata that a Mac adds to each packed file: __MACOSX/._name."""
    path = PurePosixPath(member.filename)
    return path.name.startswith("._") or "__MACOSX" in path.parts


def _size(file: Path | IO[bytes]) -> int:
    return file.stat().st_size if isinstance(file, Path) else file.seek(0, os.SEEK_END)


def _check_member(archive: str, member: zipfile.ZipInfo) -> None:
    name = PurePosixPath(member.filename.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts or ":" in member.filename:
        raise BadFile(f"'{archive}' has a member outside its folder: '{member.filename[:80]}'", parameter=archive)
    if member.flag_bits & 0x1:
        raise BadFile(f"'{archive}' is encrypted; unpack it first", parameter=archive)


def unpack_shapefile(path: Path, folder: Path) -> Path:
    """Unpack the one Shapefile of a zip file into a folder.

    Returns
    -------
    Path
        The `.shp` file; its siblings are in the same folder.

    Raises
    ------
    BadFile
        When the archive is refused, is damaged, or holds several Shapefiles.
    """
    members = check_archive(path, path.name)
    shapes = [m for m in members if m.filename.lower().endswith(".shp")]
    if len(shapes) != 1:
        names = ", ".join(PurePosixPath(m.filename).name for m in shapes[:10])
        raise BadFile(f"'{path.name}' holds {len(shapes)} Shapefiles ({names}); zip one at a time", parameter=path.name)
    stem = shapes[0].filename[:-4].lower()
    try:
        with zipfile.ZipFile(path) as archive:
            for member in members:
                if member.filename.lower().startswith(f"{stem}."):
                    suffix = member.filename[len(stem) :].lower().replace("/", "_")
                    with archive.open(member) as packed, (folder / f"shape{suffix}").open("wb") as file:
                        shutil.copyfileobj(packed, file)
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError) as error:
        raise BadFile(f"'{path.name}' is damaged: {error}", parameter=path.name) from error
    return folder / "shape.shp"
