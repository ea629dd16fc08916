"""Reference systems and datums: everything that is converted to CGCS2000 and back."""
