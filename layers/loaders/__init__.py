"""Loaders: each reads one kind of file as batches of features for COPY."""
