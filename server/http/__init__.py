"""What every route shares: parameters, bodies, caching, compression, origins, languages."""
