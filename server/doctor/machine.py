"""Checks of the machine and the home folder; every finding that is not well names a remedy."""

from __future__ import annotations

import platform
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from layers.cluster import place as cluster_place
from layers.cluster import running_url, supervisor_of
from layers.cluster.place import find_place
from layers.cluster.programs import find_programs
from layers.definition import read_code_lists, read_definitions
from layers.errors import BadInput, OneMapError
from server.identity.operator_token import TOKEN_FILE
from server.page.assets import MODULES, THIRD_PARTY
from server.running import what_runs
from server.settings import Settings
from server.wire.listen import listen

_GIB = 1024**3
_DISK_GIB_MIN, _DISK_GIB_GOOD = 1, 5


class FindingState(StrEnum):
    """The state of a checked thing."""

    WELL = "✓"
    WARNING = "!"
    WRONG = "✗"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes
    ----------
    subject
        The checked thing, in both languages.
    detail
        The observed fact.
    remedy
        How to mend it; empty when all is well.
    """

    state: FindingState
    subject: str
    detail: str
    remedy: str = ""


def well(subject: str, detail: str) -> Finding:
    """Return a finding that needs no remedy."""
    return Finding(FindingState.WELL, subject, detail)


def examine_machine(settings: Settings) -> Iterator[Finding]:
    """Check everything outside the database."""
    yield well("Python", platform.python_version())
    yield from _programs(settings)
    yield _disk(settings.home)
    yield _port(settings)
    yield from _cluster(settings)
    yield _page_modules()
    yield _font()
    yield _definitions(settings.layers.folder)
    yield from _token(settings.home)


def _programs(settings: Settings) -> Iterator[Finding]:
    if settings.database.url is not None:
        return
    place = find_place(settings.home)
    try:
        programs = find_programs(place.data_version if place else None)
    except OneMapError as error:
        yield Finding(FindingState.WRONG, "PostgreSQL 程序 programs", error.message, "see there")
    else:
        yield well("PostgreSQL 程序 programs", f"{programs.version} in {programs.folder}")


def _disk(home: Path) -> Finding:
    place = find_place(home)
    folder = place.folder if place else next(parent for parent in (home, *home.parents) if parent.exists())
    free_gib = shutil.disk_usage(folder).free / _GIB
    subject, detail = "磁盘 disk", f"{free_gib:.1f} GiB free at {folder}"
    remedy = f"free some space, or take a --home on another disk; {_DISK_GIB_GOOD} GiB is comfortable"
    if free_gib < _DISK_GIB_MIN:
        return Finding(FindingState.WRONG, subject, detail, remedy)
    return (
        Finding(FindingState.WARNING, subject, detail, remedy) if free_gib < _DISK_GIB_GOOD else well(subject, detail)
    )


def _port(settings: Settings) -> Finding:
    server, subject = settings.server, "端口 port"
    where = f"{server.host}:{server.port}"
    if supervisor_of(settings.home):  # perhaps with another --port
        return well(subject, f"in use by our own service: {what_runs(settings.home)}")
    try:
        with listen(server):
            pass
    except OneMapError as error:
        fault, _, remedy = error.message.partition("; ")
        return Finding(FindingState.WRONG, subject, fault, f"{remedy}, or end what uses it")
    return well(subject, f"{where} is free")


def _cluster(settings: Settings) -> Iterator[Finding]:
    subject, home = "私有数据库 private database", settings.home
    if settings.database.url is not None:
        return
    place = find_place(home)
    if place is None:
        yield well(subject, f"none yet in {home}; ./onemap up makes it")
    elif running_url(home):
        supervisor = supervisor_of(home)
        if supervisor:
            yield well(subject, f"runs, under process {supervisor}, in {place.folder}")
        else:
            left = "runs, but the `onemap up` that started it is gone"
            yield Finding(
                FindingState.WARNING, subject, left, f"./onemap stop --home {home}, or up, which takes it over"
            )
    elif (place.data / "postmaster.pid").exists():
        stale = f"stopped without a farewell: {place.data}/postmaster.pid is stale"
        yield Finding(FindingState.WARNING, subject, stale, "nothing: the next start clears it and recovers")
    else:
        yield well(subject, f"stopped, in {place.folder}")
    yield from _forgotten()


def _forgotten() -> Iterator[Finding]:
    """Yield data of deleted homes that lay outside the home folder."""
    for note in sorted(cluster_place.FALLBACK.glob("*/home")):
        owner = Path(note.read_text(encoding="utf-8").strip())
        place = find_place(owner)
        if place is None or place.folder != note.parent:
            detail = f"{note.parent} belonged to {owner}, which no longer knows it"
            yield Finding(
                FindingState.WARNING, "旧数据 old data", detail, f"rm -rf {note.parent}, if you do not miss it"
            )


def _page_modules() -> Finding:
    missing = [source for source in THIRD_PARTY.values() if not any(MODULES.glob(source))]
    if missing:
        detail = f"{len(missing)} missing, for example {missing[0]}"
        return Finding(FindingState.WRONG, "网页模块 page modules", detail, "./onemap up, or npm ci in server/web")
    return well("网页模块 page modules", "installed")


def _font() -> Finding:
    """Check that fontconfig finds a font with Chinese characters; the renderer of maps uses fontconfig too."""
    subject, program = "中文字体 Chinese font", shutil.which("fc-list")
    try:
        listed = subprocess.run(  # noqa: S603  # a program of this machine
            [program or "true", ":lang=zh", "family"], capture_output=True, text=True, check=False, timeout=60
        )
        fonts = sorted(listed.stdout.splitlines())
    except (OSError, subprocess.TimeoutExpired):
        fonts = []
    if not fonts:
        detail = "none is found: names are missing on maps that the server draws"
        return Finding(FindingState.WARNING, subject, detail, "apt-get install fontconfig fonts-wqy-microhei")
    return well(subject, fonts[0])


def _definitions(own: Path) -> Finding:
    """Check that the district's own definitions can be read; a fault leaves the layers unchanged."""
    subject = "图层定义 layer definitions"
    try:
        mine = set(read_definitions(own=own)) - set(read_definitions())
        lists = read_code_lists(own=own / "codes")
    except BadInput as error:
        return Finding(FindingState.WRONG, subject, error.message, f"mend it in {own}; it is read again by itself")
    missing = sorted(
        {
            f"{layer.id}.{field.name}: {field.codes}"
            for layer in read_definitions(own=own).values()
            for field in layer.fields
            if field.codes and field.codes not in lists
        }
    )
    if missing:
        return Finding(
            FindingState.WRONG, subject, f"code lists are missing: {', '.join(missing)}", f"add them to {own}/codes"
        )
    return well(subject, f"{len(mine)} of your own in {own}")


def _token(home: Path) -> Iterator[Finding]:
    file = home / TOKEN_FILE
    if file.exists():
        mode = stat.S_IMODE(file.stat().st_mode)
        if mode & 0o077:
            detail = f"{file} can be read by others (mode {mode:o})"
            yield Finding(
                FindingState.WRONG, "操作员令牌 operator's token", detail, f"chmod 600 {file}; delete it for a new one"
            )
        else:
            yield well("操作员令牌 operator's token", str(file))
