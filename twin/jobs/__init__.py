"""Jobs of the one ingest process: the leader, housekeeping, expiry, rates and upkeep."""
