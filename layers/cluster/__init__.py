"""The private PostgreSQL of a home folder: its place, its start and stop, and its locks."""

from layers.cluster.private import (
    PrivateCluster,
    archive_into,
    borrowed_cluster,
    home_lock,
    running_url,
    stop_cluster,
    supervisor_of,
    wait_until_free,
)

__all__ = [
    "PrivateCluster",
    "archive_into",
    "borrowed_cluster",
    "home_lock",
    "running_url",
    "stop_cluster",
    "supervisor_of",
    "wait_until_free",
]
