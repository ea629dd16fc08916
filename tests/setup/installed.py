"""An environment that holds the wheel and the packages that an extra names, and nothing else.

Packages are linked from the environment of the tests, following what each requires; so an undeclared dependency is
missing here as it is on a user's machine, and nothing is fetched.
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

_SELF = "onemap"


def build_wheel(project: Path, folder: Path) -> Path:
    """Build the wheel of the project."""
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--wheel-dir", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", str(project), *options], check=True)
    return next(folder.glob("*.whl"))


def make_environment(folder: Path, wheel: Path, *extras: str) -> Path:
    """Make an environment with the wheel and the packages of its extras; return its folder of programs."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    install = ["install", "--no-deps", "--no-index", "--quiet", str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", "--python", str(python), *install], check=True)
    packages = next(folder.glob("lib/python3.*/site-packages"))
    mine = Distribution.at(next(packages.glob(f"{_SELF}-*.dist-info")))
    for one in _required(mine, frozenset(extras)).values():
        _link(one, packages)
    return folder / "bin"


def _required(root: Distribution, extras: frozenset[str]) -> dict[str, Distribution]:
    """Return the packages that a package needs with some extras, by name, those of those as well."""
    found: dict[str, Distribution] = {}
    done: set[tuple[str, frozenset[str]]] = set()
    waiting = [(root, extras)]
    while waiting:
        package, chosen = waiting.pop()
        for text in package.requires or ():
            needed = Requirement(text)
            if needed.marker and not any(needed.marker.evaluate({"extra": extra}) for extra in (*chosen, "")):
                continue
            name, wanted = re.sub(r"[-_.]+", "-", needed.name).lower(), frozenset(needed.extras)
            if (name, wanted) in done:
                continue
            done.add((name, wanted))
            if name == _SELF:
                waiting.append((root, wanted))
            else:
                found[name] = distribution(name)
                waiting.append((found[name], wanted))
    return found


def _link(package: Distribution, packages: Path) -> None:
    """Link the folders and files of an installed package into another environment."""
    names = {file.parts[0] for file in package.files or () if file.parts[0] not in {"..", "__pycache__"}}
    for name in names:
        source, target = Path(str(package.locate_file(name))), packages / name
        if not target.exists():
            target.symlink_to(source)
