"""Machine-readable items of the OGC API, answered in front of pygeoapi with bytes that PostgreSQL wrote."""
