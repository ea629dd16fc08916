"""What is sensed, as entities of the OGC SensorThings API: things, their datastreams, and observations."""
