"""Every read of features: one query builder, with rights, live state and the past."""
