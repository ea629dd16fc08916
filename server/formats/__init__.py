"""The representations of features: one file each, and one line each in `table.py`."""
