"""Tables of layers, derived fields and the schema of the database."""
