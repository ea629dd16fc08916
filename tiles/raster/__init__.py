"""Rasters: members of a mosaic, opened, read, styled, rendered, sampled and contoured."""
