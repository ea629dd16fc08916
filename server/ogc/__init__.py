"""The OGC API: pygeoapi behind an adapter of our own, over the one query builder; `facade.py` alone knows pygeoapi."""

from server.ogc.facade import install, slow_app

__all__ = ["install", "slow_app"]
