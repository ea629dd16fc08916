"""Rules: thresholds, limits, escalation and clusters, as data in `config/rules/`."""
