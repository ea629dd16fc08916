"""Figures of a running service in Prometheus's text format (0.0.4), which is short enough to be written by hand.

Counters of the database are those of the whole service. What a worker counts by itself carries its number as the label
`worker`: a scrape reaches one worker, and who wants them all adds up what several scrapes have found.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import asyncpg

from server.state import State
from twin.tail import Tail

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_FEEDS = "SELECT name, received, accepted, duplicate, late, rejected FROM twin.feed ORDER BY name"
_OUTCOMES = ("received", "accepted", "duplicate", "late", "rejected")
type Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure, or one for each set of labels."""

    name: str
    kind: Literal["counter", "gauge"]
    text: str
    samples: tuple[tuple[Labels, float], ...]


def written(metrics: Iterable[Metric]) -> bytes:
    """Write metrics; one without samples is left out."""
    return "".join(_lines(metric) for metric in metrics if metric.samples).encode()


def _lines(metric: Metric) -> str:
    head = f"# HELP {metric.name} {metric.text}\n# TYPE {metric.name} {metric.kind}\n"
    return head + "".join(f"{metric.name}{_labels(labels)} {value:.16g}\n" for labels, value in metric.samples)


def _labels(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}" if labels else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def of_worker(state: State, tail: Tail) -> Iterator[Metric]:
    """Yield what this worker counts."""
    worker = {"worker": str(os.getpid())}
    cache = state.tiles.cache
    served = cache.served

    def one(name: str, kind: Literal["counter", "gauge"], text: str, value: float) -> Metric:
        return Metric(f"onemap_{name}", kind, text, ((worker, value),))

    ways = {"memory": served.memory, "disk": served.disk, "shared": served.shared, "drawn": served.drawn}
    samples = tuple(({**worker, "how": how}, float(number)) for how, number in ways.items())
    yield Metric("onemap_tiles_total", "counter", "Tiles by how they were come by.", samples)
    yield one("tile_drawn_bytes_total", "counter", "Bytes of drawn tiles before compression.", served.drawn_bytes)
    yield one("tile_queries_total", "counter", "Statements that drew vector tiles.", served.queries)
    yield one(
        "tiles_thinned_total", "counter", "Tiles in which features were left out for their bytes.", served.thinned
    )
    yield one("tile_memory_bytes", "gauge", "Bytes of tiles held in memory.", cache.held_bytes)
    if cache.shelf is not None:
        yield one("tile_disk_failures_total", "counter", "Tiles that could not be kept on disk.", cache.shelf.failures)
    yield one("stream_subscribers", "gauge", "Subscribers of /live and /live/ws.", tail.watching)
    yield one("log_sequence", "gauge", "Number of the last change read from the log.", tail.seq)
    yield one("catalogue_trusted", "gauge", "1 while the worker hears of changes.", state.catalog.trusted)


async def of_service(connection: asyncpg.Connection, state: State) -> list[Metric]:
    """Return what the database counts for all workers together."""
    feeds = await connection.fetch(_FEEDS)
    messages = tuple(
        ({"feed": row["name"], "outcome": outcome}, float(row[outcome])) for row in feeds for outcome in _OUTCOMES
    )
    rows = tuple(({"layer": layer.id}, float(layer.row_count)) for layer in state.catalog.current.values())
    return [
        Metric("onemap_feed_messages_total", "counter", "Messages of feeds by what became of them.", messages),
        Metric("onemap_layer_features", "gauge", "Features of layers when their statistics were made.", rows),
    ]
