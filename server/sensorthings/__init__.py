"""The face of the OGC SensorThings API 1.1, for reading: addresses, query options and documents."""
