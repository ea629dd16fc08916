"""The routes beside the OGC API, one file for each family."""
