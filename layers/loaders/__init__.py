"""Files in, rows out: every loader turns one kind of file into batches of features for COPY."""
