"""What the twin does by itself: thresholds, limits, escalation and clusters, as data in `config/rules/`."""
