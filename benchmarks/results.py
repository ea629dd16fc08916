"""Rows of a benchmark: printed as a table, written as JSON, and compared with their goals."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Attributes
    ----------
    unit
        The unit of `ours` and `peer`. Rates (``req/s``) are better high, times and sizes better low.
    peer
        The peer's figure; `None` without a peer.
    ratio
        Our rate as a multiple of the peer's, or of our own reference (``× first page``).
    goal
        The bound of `ratio`, or of `ours` without a peer; `None` without a goal.
    met
        Whether the goal is met; `None` without a goal.
    """

    case: str
    unit: str
    ours: float
    peer: float | None
    ratio: float | None
    goal: float | None
    met: bool | None


def faster(case: str, ours: float, peer: float, goal: float | None, unit: str = "req/s") -> Figure:
    """Return a row of two rates, of which ours should be `goal` times the peer's."""
    ratio = ours / peer
    return Figure(case, unit, round(ours, 1), round(peer, 1), round(ratio, 2), goal, _met(goal, ratio, at_least=True))


def no_slower(case: str, ours: float, first: float, goal: float) -> Figure:
    """Return a row of two of our own rates, of which the first may be at most `goal` times ours."""
    ratio = first / ours
    return Figure(
        case, "req/s", round(ours, 1), round(first, 1), round(ratio, 2), goal, _met(goal, ratio, at_least=False)
    )


def at_most(case: str, unit: str, ours: float, goal: float | None) -> Figure:
    """Return a row of one figure that should stay below `goal`."""
    return Figure(case, unit, round(ours, 2), None, None, goal, _met(goal, ours, at_least=False))


def at_least(case: str, unit: str, ours: float, goal: float | None) -> Figure:
    """Return a row of one rate (its unit ends in ``/s``) that should reach `goal`."""
    return Figure(case, unit, round(ours, 2), None, None, goal, _met(goal, ours, at_least=True))


def _met(goal: float | None, value: float, *, at_least: bool) -> bool | None:
    if goal is None:
        return None
    return value >= goal if at_least else value <= goal


def show(rows: Sequence[Figure], notes: Sequence[str]) -> None:
    """Print the rows, and the notes below them."""
    table = Table(title="OneMap", title_style="bold")
    for column in ("case", "unit", "ours", "peer", "ratio", "goal", "met"):
        table.add_column(column, justify="left" if column in {"case", "unit"} else "right", no_wrap=column == "case")
    for row in rows:
        table.add_row(row.case, row.unit, *map(_number, (row.ours, row.peer, row.ratio)), _goal(row), _mark(row))
    console = Console(width=None if Console().is_terminal else 140)
    console.print(table)
    for note in notes:
        console.print(note, style="dim", highlight=False, markup=False)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _goal(row: Figure) -> str:
    if row.goal is None:
        return "–"
    value = row.ours if row.ratio is None else row.ratio
    bound = "≤" if (value <= row.goal) == row.met else "≥"  # a figure lies on the side of its goal that `met` says
    return f"{bound} {row.goal:g}"


def _mark(row: Figure) -> str:
    return {True: "[green]yes[/]", False: "[bold red]NO[/]", None: "–"}[row.met]


def write_json(rows: Sequence[Figure], file: Path) -> None:
    """Write the rows as a JSON array."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([asdict(row) for row in rows], indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def exit_code(rows: Sequence[Figure], *, strict: bool) -> int:
    """Return 1 when a goal was missed in strict mode, else 0."""
    return int(strict and any(row.met is False for row in rows))


def benchmark_parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """Return the parser of ``onemap bench NAME`` with the options that every benchmark has."""
    parser = argparse.ArgumentParser(prog=f"onemap bench {name}", description=description)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON")
    parser.add_argument("--strict", action="store_true", help="exit 1 where a goal is missed")
    return parser


def choose_cases(parser: argparse.ArgumentParser, given: str, known: Iterable[str]) -> list[str]:
    """Return the cases that a text with commas names; the parser refuses one that is not known, and exits."""
    chosen, allowed = [name for name in given.split(",") if name], list(known)
    if unknown := set(chosen) - set(allowed):
        parser.error(f"--cases: there is no {', '.join(sorted(unknown))}; allowed are {', '.join(allowed)}")
    return chosen


def report(rows: Sequence[Figure], notes: Sequence[str], options: argparse.Namespace) -> int:
    """Print the rows, write them where ``--json`` says, and return the exit code."""
    show(rows, notes)
    if options.json:
        write_json(rows, options.json)
    return exit_code(rows, strict=options.strict)
