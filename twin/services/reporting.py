"""Who may report: an event at a place, and the own position."""

from __future__ import annotations

import asyncpg

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import bind, compose
from layers.layer_rights import rights_of
from layers.read.query import ItemsQuery, find_features

WORKER = "worker_id"
"""The attribute of an account that names its worker."""


def may_report(events: Layer, actor: Actor, code: str | None) -> bool:
    """Whether an actor may report an event in an area.

    Parameters
    ----------
    code
        Of the grid or the finest area that holds the place; None outside of every area, where only those report whom
        no rule keeps to their areas. A rule with a condition on rows says nothing of events that are not there yet.
    """
    cases = [case for case in rights_of(events.definition, actor.as_reporter()).cases if case.rows is None]
    return any(case.prefixes is None or (code or "").startswith(case.prefixes) for case in cases)


async def own_worker(connection: asyncpg.Connection, workers: Layer, actor: Actor) -> str | None:
    """Return the id of the worker whose position an actor may report: itself; None when there is none."""
    name = actor.attribute(WORKER)
    if name is None:
        return None
    this = compose("f.worker_id = {}", bind(name, "text"))
    query = ItemsQuery(workers, actor.as_reporter(), this, properties=(), skip_geometry=True, limit=1)
    found = (await find_features(connection, query)).features
    return str(found[0]["id"]) if found else None
