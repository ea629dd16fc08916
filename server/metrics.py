"""Metrics of a running service for Prometheus.

Counters of the database are those of the whole service. Counters of a worker carry its process number as the label
`worker`: a scrape reaches one worker, and the sum over all workers needs several scrapes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import asyncpg
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from server.state import State
from twin.jobs.feed_health import read_totals

MEDIA_TYPE = CONTENT_TYPE_LATEST


@dataclass(frozen=True, eq=False)
class Figures(Collector):
    """The metrics of one scrape, as a collector."""

    metrics: tuple[Metric, ...]

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        yield from self.metrics


def prometheus_text(*metrics: Metric) -> bytes:
    """Return metrics in the text format of Prometheus."""
    registry = CollectorRegistry()
    registry.register(Figures(metrics))
    return generate_latest(registry)


def worker_metrics(state: State) -> Iterator[Metric]:
    """Yield the counters of this worker."""
    worker = str(os.getpid())
    cache = state.tiles.cache
    served = cache.served

    def one[M: (CounterMetricFamily, GaugeMetricFamily)](family: type[M], name: str, text: str, value: float) -> M:
        metric = family(f"onemap_{name}", text, labels=["worker"])
        metric.add_metric([worker], value)
        return metric

    tiles = CounterMetricFamily("onemap_tiles", "Tiles by how they were come by.", labels=["worker", "how"])
    for how in ("memory", "disk", "shared", "drawn"):
        tiles.add_metric([worker, how], getattr(served, how))
    yield tiles
    yield one(CounterMetricFamily, "tile_drawn_bytes", "Bytes of drawn tiles before compression.", served.drawn_bytes)
    yield one(CounterMetricFamily, "tile_queries", "Statements that drew vector tiles.", served.queries)
    yield one(
        CounterMetricFamily, "tiles_thinned", "Tiles in which features were left out for their bytes.", served.thinned
    )
    yield one(GaugeMetricFamily, "tile_memory_bytes", "Bytes of tiles held in memory.", cache.held_bytes)
    if cache.disk is not None:
        failures = cache.disk.failures
        yield one(CounterMetricFamily, "tile_disk_failures", "Tiles that could not be kept on disk.", failures)
    yield one(GaugeMetricFamily, "stream_subscribers", "Subscribers of /live and /live/ws.", state.tail.watching)
    yield one(GaugeMetricFamily, "log_sequence", "Number of the last change read from the log.", state.tail.seq)
    yield one(GaugeMetricFamily, "catalogue_trusted", "1 while the worker hears of changes.", state.catalog.trusted)


async def service_metrics(connection: asyncpg.Connection, state: State) -> list[Metric]:
    """Return the counters that the database keeps for all workers."""
    text = "Messages of feeds by what became of them."
    messages = CounterMetricFamily("onemap_feed_messages", text, labels=["feed", "outcome"])
    for feed, totals in (await read_totals(connection)).items():
        for outcome, count in totals.items():
            messages.add_metric([feed, outcome], count)
    text = "Features of layers when their statistics were made."
    features = GaugeMetricFamily("onemap_layer_features", text, labels=["layer"])
    for layer in state.catalog.current.values():
        features.add_metric([layer.id], layer.row_count)
    return [messages, features]
