"""What is happening, and what happened: feeds, joins, state, history. Meets the other packages in PostGIS only."""
