"""Changes of features: checked, kept as claims, and written into the table of the layer."""
