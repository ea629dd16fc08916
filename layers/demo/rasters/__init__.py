"""Rasters of the synthetic district: the ground and an hour of rain."""
