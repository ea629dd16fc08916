"""OGC API - Environmental Data Retrieval 1.1: values of stations and rasters at places, in areas and along lines."""
