"""Features as columns: a statement of the one builder, run by ADBC, as batches of Arrow."""
