"""From a file to a layer: read, check, repair, stage, and move in one transaction; what cannot go in is quarantined."""

from layers.load.file import LoadOptions, LoadProgress, LoadSummary, load_file

__all__ = ["LoadOptions", "LoadProgress", "LoadSummary", "load_file"]
