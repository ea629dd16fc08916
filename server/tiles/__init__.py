"""Vector tiles, map tiles and tiles of rasters over HTTP."""
