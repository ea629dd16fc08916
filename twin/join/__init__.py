"""The bulk join in memory: areas, waterways, cameras and flood points around many points at once."""
