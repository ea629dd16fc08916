"""What people in the field do over HTTP: reports, tasks and their steps, patrols."""

from __future__ import annotations

from server.routes.workers import patrol, reports, tasks

WORKERS = (reports, tasks, patrol)
"""The modules of these routes, in the order in which they are tried and described."""
