"""History over HTTP: moments and playbacks of layers, series, tracks, and history as rows."""

from __future__ import annotations

from server.routes.history import replay, rows, series, track

HISTORY = (replay, series, track, rows)
