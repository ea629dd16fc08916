"""HTTP for every route: parameters, bodies, caching, compression, origins, languages."""
