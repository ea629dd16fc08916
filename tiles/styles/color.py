"""Colours: mixed, and moved until they contrast with their ground."""

from __future__ import annotations

_STEPS = 20


def mix(color: str, ground: str, share: float) -> str:
    """Return `share` of a colour over a ground, opaque, so that crossing lines do not add up; all as ``#rrggbb``."""
    pairs = zip(_channels(color), _channels(ground), strict=True)
    return "#" + "".join(f"{round(one * share + other * (1 - share)):02x}" for one, other in pairs)


def luminance(color: str) -> float:
    """Return the relative luminance of WCAG 2, from 0 (black) to 1 (white)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (n / 255 for n in _channels(color))]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Return the contrast of WCAG 2, from 1 (the same) to 21 (black and white)."""
    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


def readable(color: str, ground: str, ink: str, least: float) -> str:
    """Return the colour, moved towards `ink` until its contrast with the ground is at least `least`."""
    for step in range(_STEPS):
        moved = mix(ink, color, step / _STEPS)
        if contrast(moved, ground) >= least:
            return moved
    return ink


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
