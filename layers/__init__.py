"""What exists, where, in which coordinates: vocabulary, catalogue, loaders, query builder, database. Knows no web."""
