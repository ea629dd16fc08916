"""What every route shares: bodies, caching, compression, origins, languages, media types."""
