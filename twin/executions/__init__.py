"""The jobs of processes that somebody started, in PostgreSQL: their states, and their results until they expire."""
