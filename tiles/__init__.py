"""How it looks at z/x/y: vector tiles built by PostGIS."""
